/**
 * Where a picture lies on a canvas.
 *
 * Places in the picture are relative: [0, 0] is its upper left corner, [1, 1] its lower right one, whatever its size.
 * Places on the canvas are CSS pixels, before the graph's own zoom.
 */

const MOST_ZOOM = 16

export class View {
  aspect = 16 / 9 // width / height of the picture
  zoom = 1 // 1: all of it is seen
  centre = [0.5, 0.5] // place in the picture that is in the middle of the canvas
  size = [1, 1] // of the canvas

  /** Width and height of the whole picture on the canvas. */
  get extent() {
    const [width, height] = this.size
    const fitted = Math.min(width, height * this.aspect) * this.zoom
    return [fitted, fitted / this.aspect]
  }

  /** [left, top, width, height] of the whole picture on the canvas. */
  get box() {
    return [...this.toCanvas([0, 0]), ...this.extent]
  }

  toCanvas([x, y]) {
    const [width, height] = this.extent
    return [this.size[0] / 2 + (x - this.centre[0]) * width, this.size[1] / 2 + (y - this.centre[1]) * height]
  }

  toPicture([x, y]) {
    const [width, height] = this.extent
    return [(x - this.size[0] / 2) / width + this.centre[0], (y - this.size[1] / 2) / height + this.centre[1]]
  }

  /** What lies at this place on the canvas stays there. */
  zoomAt(place, factor) {
    const before = this.toPicture(place)
    this.zoom = Math.min(Math.max(this.zoom * factor, 1), MOST_ZOOM)
    const after = this.toPicture(place)
    this.#look(this.centre.map((c, i) => c + before[i] - after[i]))
  }

  pan(dx, dy) {
    const [width, height] = this.extent
    this.#look([this.centre[0] - dx / width, this.centre[1] - dy / height])
  }

  fit() {
    this.zoom = 1
    this.centre = [0.5, 0.5]
  }

  #look(centre) {
    const margin = 0.5 / this.zoom // at zoom 1 nothing but the middle is left
    this.centre = centre.map((c) => Math.min(Math.max(c, margin), 1 - margin))
  }
}
