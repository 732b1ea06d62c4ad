from jetcam import Camera


class CSICamera(Camera):
    pass
