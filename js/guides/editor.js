/** What pointers and keys do to guides. The panel draws, and is told of every change. */

import { placeAt } from './document.js'

const GRAB_PX = 9
const CLICK_PX = 3
const TIMES = 50 // of a way, when a place on it is looked for
const TIME_STEP = 0.02
const RADIUS_STEP = 1.15

export class Editor {
  guides = null
  chosen = null // {guide, handle}
  dragged = false // whether a handle hangs on the pointer
  #began = null // a press on empty ground, which becomes a guide when it is dragged

  /** changed() whenever guides, or what is chosen of them, are not as before. */
  constructor(changed) {
    this.changed = changed
  }

  use(guides) {
    this.guides = guides
    if (!this.#point()) this.chosen = null
  }

  get guide() {
    return this.guides?.list[this.chosen?.guide]
  }

  down(place, view) {
    const found = this.#handleAt(place, view)
    this.chosen = found
    this.dragged = Boolean(found)
    this.#began = found ? null : place
    this.changed()
  }

  move(place, view) {
    if (this.#began && Math.hypot(place[0] - this.#began[0], place[1] - this.#began[1]) > CLICK_PX) {
      this.chosen = { guide: this.guides.add(view.toPicture(this.#began)), handle: 1 }
      this.#began = null
      this.dragged = true
    }
    if (!this.dragged) return
    this.guides.move(this.chosen, view.toPicture(place))
    this.changed()
  }

  up() {
    this.#began = null
    this.dragged = false
    this.changed()
  }

  /** On a way: a new handle. On a handle in between: it goes. */
  double(place, view) {
    const handle = this.#handleAt(place, view)
    if (handle) {
      const { points } = this.guides.list[handle.guide]
      if (handle.handle > 0 && handle.handle < points.length - 1) this.remove()
      return
    }
    const way = this.#wayAt(place, view)
    if (way) this.#choose(way.guide, this.guides.insert(way.guide, way.time))
  }

  remove() {
    if (!this.chosen) return
    const { guide, handle } = this.chosen
    this.chosen = this.guides.remove(this.chosen) ? { guide, handle: handle - 1 } : null
    this.changed()
  }

  addHandle() {
    if (this.chosen) this.#choose(this.chosen.guide, this.guides.insertBetween(this.chosen.guide))
  }

  /** Whether it was one of the keys; view: for steps of a pixel on the canvas. */
  key({ key, shiftKey }, view) {
    const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }
    const letter = key.toLowerCase()
    if (arrows[key] && this.chosen) this.#nudge(arrows[key], shiftKey ? 10 : 1, view)
    else if (letter === 'n') this.#choose(this.guides.add(view.toPicture(view.size.map((side) => side / 2))), 1)
    else if (key === ']') this.#step(1)
    else if (key === '[') this.#step(-1)
    else if (key === 'Escape' && this.chosen) this.chosen = null
    else if (!this.chosen) return false
    else if (key === 'Delete' || key === 'Backspace') this.remove()
    else if (letter === 'h') this.addHandle()
    else if (key === ',' || key === '.') this.guides.retime(this.chosen, key === ',' ? -TIME_STEP : TIME_STEP)
    else if (letter === 'r') this.guides.resize(this.chosen.guide, this.guide.radius * RADIUS_STEP ** (shiftKey ? -1 : 1))
    else if (letter === 'f') this.guide.in_front = !this.guide.in_front
    else return false
    this.changed()
    return true
  }

  #nudge([dx, dy], length, view) {
    const [, x, y] = this.#point()
    const [cx, cy] = view.toCanvas([x, y])
    this.guides.move(this.chosen, view.toPicture([cx + dx * length, cy + dy * length]))
  }

  /** To the next handle, of the next guide after a guide's last one. */
  #step(by) {
    const all = this.guides.list.flatMap(({ points }, guide) => points.map((_, handle) => ({ guide, handle })))
    if (!all.length) return
    const now = all.findIndex(({ guide, handle }) => guide === this.chosen?.guide && handle === this.chosen?.handle)
    this.chosen = all[now < 0 ? 0 : (now + by + all.length) % all.length]
  }

  #choose(guide, handle) {
    if (handle === null) return
    this.chosen = { guide, handle }
    this.changed()
  }

  #point() {
    return this.guide?.points[this.chosen.handle]
  }

  /** Ends before starts: they lie upon each other while a guide has no length. */
  #handleAt(place, view) {
    let best = null
    let nearest = GRAB_PX
    this.guides.list.forEach(({ points }, guide) => {
      points.forEach(([, x, y], handle) => {
        const [cx, cy] = view.toCanvas([x, y])
        const distance = Math.hypot(cx - place[0], cy - place[1])
        if (distance <= nearest) [best, nearest] = [{ guide, handle }, distance]
      })
    })
    return best
  }

  #wayAt(place, view) {
    let best = null
    let nearest = GRAB_PX
    this.guides.list.forEach(({ points }, guide) => {
      for (let i = 1; i < TIMES; i += 1) {
        const [cx, cy] = view.toCanvas(placeAt(points, i / TIMES))
        const distance = Math.hypot(cx - place[0], cy - place[1])
        if (distance < nearest) [best, nearest] = [{ guide, time: i / TIMES }, distance]
      }
    })
    return best
  }
}
