from jetcam import Camera


class USBCamera(Camera):
    pass
