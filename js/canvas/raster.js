/**
 * Hundreds of dots and thin lines, painted pixel by pixel: a canvas without a GPU takes many times as long for them.
 * Coordinates are pixels of the raster, integers being their corners.
 */

const EDGE_ALPHA = 0.65 // of the dark rim around a dot
const EDGE_PX = 1
const RING_PX = 1.3

export class Raster {
  #canvas = document.createElement('canvas')
  #image = null

  clear(width, height) {
    if (this.#image?.width === width && this.#image.height === height) {
      this.#image.data.fill(0)
      return
    }
    Object.assign(this.#canvas, { width, height })
    this.#image = new ImageData(width, height)
  }

  /** A canvas with all that was painted since the last `clear`. */
  picture() {
    this.#canvas.getContext('2d').putImageData(this.#image, 0, 0)
    return this.#canvas
  }

  /** A disc, or a ring where it is not filled, with a dark rim. */
  dot(x, y, radius, colour, filled, density) {
    const [r, g, b] = colour
    const edge = EDGE_PX * density
    const reach = radius + edge + 1
    const { width, height } = this.#image
    const hole = filled ? -Infinity : radius - RING_PX * density
    for (let row = Math.max(Math.floor(y - reach), 0); row <= Math.min(y + reach, height - 1); row += 1)
      for (let column = Math.max(Math.floor(x - reach), 0); column <= Math.min(x + reach, width - 1); column += 1) {
        const distance = Math.sqrt((column + 0.5 - x) ** 2 + (row + 0.5 - y) ** 2) // hypot takes ten times as long
        if (distance > reach) continue
        const rim = between(distance, hole, radius + edge) * EDGE_ALPHA
        if (rim <= 0) continue
        const inner = between(distance, hole, radius)
        const alpha = inner + rim * (1 - inner)
        this.#over(row * width + column, r, g, b, alpha, inner / alpha)
      }
  }

  /** From place to place, the last pixel being the next line's; alpha from 0 to 1. Where lines cross, the stronger one is seen. */
  line(x0, y0, x1, y1, colour, alpha) {
    const [r, g, b] = colour
    const steps = Math.ceil(Math.max(Math.abs(x1 - x0), Math.abs(y1 - y0), 1))
    const { width, height, data } = this.#image
    for (let i = 0; i < steps; i += 1) {
      const x = x0 + ((x1 - x0) * i) / steps - 0.5
      const y = y0 + ((y1 - y0) * i) / steps - 0.5
      const left = Math.floor(x)
      const top = Math.floor(y)
      if (left < 0 || top < 0 || left >= width - 1 || top >= height - 1) continue
      for (let corner = 0; corner < 4; corner += 1) {
        const dx = corner & 1
        const dy = corner >> 1
        const share = (dx ? x - left : 1 - x + left) * (dy ? y - top : 1 - y + top)
        const at = 4 * ((top + dy) * width + left + dx)
        const strength = 255 * alpha * Math.min(1.4 * share, 1)
        if (strength <= data[at + 3]) continue
        data[at] = r
        data[at + 1] = g
        data[at + 2] = b
        data[at + 3] = strength
      }
    }
  }

  /** A colour, darkened to a share of itself, over what is there. */
  #over(pixel, r, g, b, alpha, share) {
    const { data } = this.#image
    const at = 4 * pixel
    const below = (data[at + 3] / 255) * (1 - alpha)
    const sum = alpha + below
    data[at] = (r * share * alpha + data[at] * below) / sum
    data[at + 1] = (g * share * alpha + data[at + 1] * below) / sum
    data[at + 2] = (b * share * alpha + data[at + 2] * below) / sum
    data[at + 3] = 255 * sum
  }
}

/** How much of a pixel at this distance lies between two circles. */
function between(distance, inner, outer) {
  return Math.min(Math.max(outer - distance + 0.5, 0), 1) * Math.min(Math.max(distance - inner + 0.5, 0), 1)
}
