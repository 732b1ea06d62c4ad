"""A driver for tests: it knows where the car is, and drives through the registers as the car's own driver does."""
from __future__ import annotations

import math

WHEELBASE_M = 0.3302
MAX_STEERING_RAD = 0.4189


class Wheel:
    """Steering and throttle of a board, by pulses in us at 50 Hz."""

    def __init__(self, board):
        self._bus = board.bus()
        self.switch_on()

    def switch_on(self):
        for register, value in ((0x00, 0x10), (0xFE, 121), (0x00, 0xA1)):
            self._bus.write_byte_data(0x40, register, value)
        self.pulses(1500, 1500)

    def pulses(self, steering_us, throttle_us):
        for channel, pulse_us in enumerate((steering_us, throttle_us)):
            ticks = round(pulse_us * 4096 * 50 / 1e6)
            self._bus.write_i2c_block_data(0x40, 0x06 + 4 * channel, [0, 0, ticks & 0xFF, ticks >> 8])

    def follow(self, world, throttle_us=1600.0, lookahead_m=0.6):
        """Steer towards the centre line ahead (pure pursuit)."""
        x, y, yaw = world.vehicle.pose
        ahead_x, ahead_y = world.track.ahead(x, y, lookahead_m)
        bearing = math.remainder(math.atan2(ahead_y - y, ahead_x - x) - yaw, 2 * math.pi)
        steering = math.atan(2 * WHEELBASE_M * math.sin(bearing) / lookahead_m)
        deflection = max(-1.0, min(1.0, -steering / MAX_STEERING_RAD))
        self.pulses(1500 + 500 * deflection, throttle_us)


def arm(world):
    """Neutral long enough for the motor controller."""
    wheel = Wheel(world.board)
    world.advance(0.4)
    return wheel
