/**
 * A canvas in a node: it draws when something changed, zooms and pans, and hands pointers and keys on.
 *
 * Left button: the owner's. Shift + left button: pans. Wheel: zooms while the canvas has the focus, else it is the
 * graph's. Middle button: the graph's.
 */

import { app } from '../../../scripts/app.js'
import { element } from '../controls.js'
import { View } from './view.js'

const WHEEL_ZOOM = 1.15

export class Stage {
  view = new View()
  #asked = 0
  #panned = null

  /**
   * owner: draw(context, view); down(place, event) -> whether it takes the pointer, move(place, event), up(place,
   * event), hover(place), key(event) -> whether it was one of its keys; viewed() after zoom and pan.
   * All but draw may be missing. Places are on the canvas.
   */
  constructor(owner, label) {
    this.owner = owner
    this.canvas = element('canvas', { tabIndex: 0, ariaLabel: label })
    this.canvas.setAttribute('role', 'application')
    this.message = element('div', { className: 'rdvfi-message', hidden: true })
    this.message.setAttribute('role', 'status')
    this.element = element('div', { className: 'rdvfi-stage' }, this.canvas, this.message)
    this.element.dataset.captureWheel = 'true' // Nodes 2.0 keeps the wheel to itself without it
    this.observer = new ResizeObserver(() => this.#resize())
    this.observer.observe(this.canvas)
    this.#listen()
  }

  /** A sentence over the canvas, or nothing. */
  say(sentence) {
    this.message.hidden = !sentence
    this.message.textContent = sentence ?? ''
  }

  /** Asks for a drawing with the browser's next frame. */
  invalidate() {
    this.#asked ||= requestAnimationFrame(() => {
      this.#asked = 0
      this.draw()
    })
  }

  draw() {
    const context = this.canvas.getContext('2d')
    const [width, height] = this.view.size
    const density = this.canvas.width / width
    context.setTransform(density, 0, 0, density, 0, 0)
    context.clearRect(0, 0, width, height)
    this.owner.draw(context, this.view)
  }

  zoom(factor, place = this.view.size.map((side) => side / 2)) {
    this.view.zoomAt(place, factor)
    this.#viewed()
  }

  fit() {
    this.view.fit()
    this.#viewed()
  }

  close() {
    this.observer.disconnect()
    cancelAnimationFrame(this.#asked)
  }

  #viewed() {
    this.owner.viewed?.()
    this.invalidate()
  }

  #resize() {
    const { clientWidth: width, clientHeight: height } = this.canvas
    if (!width || !height) return
    this.view.size = [width, height]
    this.canvas.width = Math.round(width * devicePixelRatio)
    this.canvas.height = Math.round(height * devicePixelRatio)
    this.draw()
  }

  /** The graph may show the node larger or smaller than it is. */
  #place(event) {
    const box = this.canvas.getBoundingClientRect()
    const scale = this.canvas.clientWidth / box.width
    return [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale]
  }

  #listen() {
    const on = (name, act) => this.canvas.addEventListener(name, act)
    on('pointerdown', (event) => this.#down(event))
    on('pointermove', (event) => this.#move(event))
    on('pointerup', (event) => this.#up(event))
    on('pointercancel', (event) => this.#up(event))
    on('dblclick', (event) => event.stopPropagation()) // the graph would open its search
    on('contextmenu', (event) => event.stopPropagation())
    on('wheel', (event) => this.#wheel(event))
    on('keydown', (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || !this.#key(event)) return
      event.preventDefault()
      event.stopPropagation()
    })
  }

  #down(event) {
    if (event.button === 1) app.canvas.processMouseDown(event)
    event.stopPropagation()
    if (event.button !== 0) return
    this.canvas.focus({ preventScroll: true })
    const place = this.#place(event)
    if (event.shiftKey) this.#panned = place
    else if (!this.owner.down?.(place, event)) return
    this.canvas.setPointerCapture(event.pointerId)
    event.preventDefault()
  }

  #move(event) {
    if (event.buttons & 4) return app.canvas.processMouseMove(event)
    const place = this.#place(event)
    if (!this.canvas.hasPointerCapture(event.pointerId)) return this.owner.hover?.(place)
    event.stopPropagation()
    if (!this.#panned) return this.owner.move?.(place, event)
    this.view.pan(place[0] - this.#panned[0], place[1] - this.#panned[1])
    this.#panned = place
    this.#viewed()
  }

  #up(event) {
    if (event.button === 1) app.canvas.processMouseUp(event)
    if (!this.canvas.hasPointerCapture(event.pointerId)) return
    this.canvas.releasePointerCapture(event.pointerId)
    if (this.#panned) this.#panned = null
    else this.owner.up?.(this.#place(event), event)
  }

  #wheel(event) {
    event.preventDefault()
    event.stopPropagation()
    if (document.activeElement !== this.canvas) app.canvas.processMouseWheel(event)
    else this.zoom(WHEEL_ZOOM ** -Math.sign(event.deltaY), this.#place(event))
  }

  #key(event) {
    if (this.owner.key?.(event)) return true
    if (event.key === '+' || event.key === '=') this.zoom(WHEEL_ZOOM)
    else if (event.key === '-') this.zoom(1 / WHEEL_ZOOM)
    else if (event.key === '0') this.fit()
    else return false
    return true
  }
}
