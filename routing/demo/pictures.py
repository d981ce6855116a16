"""Pixels of the synthetic images: simple bodies that look like what they stand for."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Grid = NDArray[np.float64]


def ct_slice(size: int, level: float) -> NDArray[np.int16]:
    """Hounsfield units of a slice through a body; ``level`` from 0 (feet) to 1 (head)."""
    y, x = _grid(size)
    picture = np.full((size, size), -1000.0)
    picture[_ellipse(x, y, 0, 0, 0.8, 0.6)] = 40
    for side in (-1, 1):
        lung = _ellipse(x, y, side * 0.36, -0.05, 0.26 - 0.1 * abs(level - 0.5), 0.4)
        picture[lung] = -800 + 120 * np.sin(12 * x + 9 * y)[lung]
    picture[_ellipse(x, y, 0.05, -0.05, 0.05 + 0.2 * level, 0.18)] = 90
    picture[_ellipse(x, y, 0, 0.42, 0.1, 0.1)] = 700
    return picture.astype(np.int16)


def mr_slice(size: int, level: float, contrast: float) -> NDArray[np.uint16]:
    """A head; ``contrast`` from 0 (T1) to 1 (T2) swaps bright and dark."""
    y, x = _grid(size)
    radius = 0.55 + 0.35 * np.sin(np.pi * level)
    head, brain = _ellipse(x, y, 0, 0, 0.72 * radius, 0.9 * radius), _ellipse(x, y, 0, 0, 0.62 * radius, 0.8 * radius)
    picture = np.zeros((size, size))
    picture[head] = 600
    folds = np.sin(14 * x + 4 * np.sin(9 * y)) * np.sin(13 * y)
    picture[brain] = (700 + 160 * folds)[brain]
    for side in (-1, 1):
        picture[_ellipse(x, y, side * 0.12, -0.05, 0.07, 0.25 * radius)] = 200 + 800 * contrast
    return np.clip(picture, 0, 1200).astype(np.uint16)


def mammogram(rows: int, columns: int, left: bool) -> NDArray[np.uint16]:
    """Half an ellipse at the chest wall, denser towards the middle, with a few bright spots."""
    y, x = np.mgrid[-1 : 1 : rows * 1j, 0 : 1 : columns * 1j]
    distance = np.sqrt((x / 0.8) ** 2 + (y / 0.75) ** 2)
    picture = np.where(distance < 1, 900 + 2400 * (1 - distance) + 200 * np.sin(20 * x + 15 * y), 0.0)
    for spot_x, spot_y in ((0.3, 0.1), (0.34, 0.16), (0.27, 0.2)):
        picture[np.hypot(x - spot_x, y - spot_y) < 0.015] = 4000
    shown = np.clip(picture, 0, 4095).astype(np.uint16)
    return shown if left else shown[:, ::-1]


def ultrasound(rows: int, columns: int, phase: float) -> NDArray[np.uint8]:
    """A fan of grey with a dark cyst that beats with ``phase`` (radians); RGB."""
    y, x = np.mgrid[0 : 1 : rows * 1j, -0.7 : 0.7 : columns * 1j]
    depth, angle = np.hypot(x, y), np.arctan2(x, y)
    speckle: Any = 0.6 + 0.4 * np.sin(90 * depth) * np.sin(60 * angle + 3 * np.sin(40 * depth))
    grey = np.where((np.abs(angle) < 0.6) & (depth < 0.97), 170 * speckle * (1.1 - depth), 0.0)
    grey[np.hypot(x - 0.05, y - 0.5) < 0.12 + 0.02 * np.sin(phase)] *= 0.15
    picture = np.repeat(np.clip(grey, 0, 255).astype(np.uint8)[:, :, None], 3, axis=2)
    picture[-8:-4, 8 : columns // 3] = (255, 200, 0)
    return picture


def _grid(size: int) -> tuple[Grid, Grid]:
    y, x = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j]
    return y, x


def _ellipse(x: Grid, y: Grid, centre_x: float, centre_y: float, width: float, height: float) -> NDArray[np.bool_]:
    inside: NDArray[np.bool_] = ((x - centre_x) / width) ** 2 + ((y - centre_y) / height) ** 2 < 1
    return inside
