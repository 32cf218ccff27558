//! Shapes as signed distances: negative inside, zero on the edge, in units of the image's height.

/// A place in the image: `y` from 0 (top) to 1 (bottom), `x` from 0 to the aspect ratio.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Point {
    pub(super) x: f32,
    pub(super) y: f32,
}

pub(super) const fn at(x: f32, y: f32) -> Point {
    Point { x, y }
}

impl Point {
    pub(super) fn distance(self, other: Self) -> f32 {
        (self.x - other.x).hypot(self.y - other.y)
    }

    /// The place as seen from `center`, turned back by `angle` (radians).
    pub(super) fn turned(self, center: Self, angle: f32) -> Self {
        let (sin, cos) = angle.sin_cos();
        let (x, y) = (self.x - center.x, self.y - center.y);
        at(x * cos + y * sin, y * cos - x * sin)
    }
}

/// A rectangle that bounds what is painted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Area {
    pub(super) left: f32,
    pub(super) top: f32,
    pub(super) right: f32,
    pub(super) bottom: f32,
}

pub(super) const fn area(left: f32, top: f32, right: f32, bottom: f32) -> Area {
    Area {
        left,
        top,
        right,
        bottom,
    }
}

impl Area {
    pub(super) const fn around(center: Point, rx: f32, ry: f32) -> Self {
        area(center.x - rx, center.y - ry, center.x + rx, center.y + ry)
    }

    pub(super) const fn grown(self, by: f32) -> Self {
        area(
            self.left - by,
            self.top - by,
            self.right + by,
            self.bottom + by,
        )
    }

    /// Distance to this rectangle with corners rounded by `radius`.
    pub(super) fn rounded(self, p: Point, radius: f32) -> f32 {
        let (cx, cy) = (
            (self.left + self.right) / 2.0,
            (self.top + self.bottom) / 2.0,
        );
        let dx = (p.x - cx).abs() - (self.right - self.left) / 2.0 + radius;
        let dy = (p.y - cy).abs() - (self.bottom - self.top) / 2.0 + radius;
        dx.max(0.0).hypot(dy.max(0.0)) + dx.max(dy).min(0.0) - radius
    }
}

/// Near enough for edges: exact on the edge, roughly scaled elsewhere.
pub(super) fn ellipse(p: Point, center: Point, rx: f32, ry: f32) -> f32 {
    let (x, y) = ((p.x - center.x) / rx, (p.y - center.y) / ry);
    let k = x.hypot(y);
    let slope = (x / rx).hypot(y / ry);
    if slope < 1e-6 {
        -rx.min(ry)
    } else {
        k * (k - 1.0) / slope
    }
}

/// A line with round ends; `width` is the whole width.
pub(super) fn stroke(p: Point, from: Point, to: Point, width: f32) -> f32 {
    let (px, py) = (p.x - from.x, p.y - from.y);
    let (dx, dy) = (to.x - from.x, to.y - from.y);
    let length = dx * dx + dy * dy;
    let t = if length > 0.0 {
        ((px * dx + py * dy) / length).clamp(0.0, 1.0)
    } else {
        0.0
    };
    (px - dx * t).hypot(py - dy * t) - width / 2.0
}

/// A shape with vertical axis: `top` and `bottom` are its ends as (y, half width).
pub(super) fn taper(p: Point, x: f32, top: (f32, f32), bottom: (f32, f32)) -> f32 {
    let t = ((p.y - top.0) / (bottom.0 - top.0)).clamp(0.0, 1.0);
    let side = (p.x - x).abs() - (top.1 + (bottom.1 - top.1) * t);
    side.max(top.0 - p.y).max(p.y - bottom.0)
}
