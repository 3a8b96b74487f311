/** RDVFI Guides: canvas and controls; the guides themselves are the text in the node's widget `guides`. */

import { Gone, drawCaption, drawPicture, fetchPicture } from './canvas/pictures.js'
import { Stage } from './canvas/stage.js'
import { button, element, labelled, panel, row, slider, tick } from './controls.js'
import { Guides } from './guides/document.js'
import { drawGuides } from './guides/drawing.js'
import { Editor } from './guides/editor.js'
import { texts } from './texts.js'
import { addPanel } from './widget.js'

const FILES = 'rdvfi_files' // property of the node: the pictures, so that a workflow which is opened again shows them
const SAME_ASPECT = 0.01
const SHARE = { look: 0, dragging: 0.7 } // of the end image that is seen: at first, and while an end is dragged

export function addGuides(node) {
  return addPanel(node, 'canvas', new GuidesPanel(node), { width: 520, height: 480, least: 300 })
}

export class GuidesPanel {
  pictures = null // [start, end]
  #size = null // [width, height] of the images
  #look = SHARE.look
  #text = null // of the widget, as it was read or written last
  #loading = 0

  constructor(node) {
    this.node = node
    this.text = texts()
    this.editor = new Editor(() => this.#changed())
    this.stage = new Stage(this, this.text.guidesCanvas)
    this.element = element('div', {}, this.stage.element, this.#controls())
    this.widget = node.widgets.find((widget) => widget.name === 'guides')
    const told = this.widget.callback
    this.widget.callback = (...given) => {
      told?.apply(this.widget, given)
      this.#read()
    }
    this.element.addEventListener('pointerenter', () => this.#read()) // undo and other scripts write as well
    this.element.addEventListener('focusin', () => this.#read())
    this.#read()
  }

  executed({ rdvfi_guides: [files] = [] }) {
    if (!files) return
    this.node.properties[FILES] = files
    this.load(files)
  }

  configured() {
    this.#read()
    if (this.node.properties[FILES]) this.load(this.node.properties[FILES])
  }

  close() {
    this.stage.close()
  }

  async load({ start, end, size }) {
    const turn = ++this.#loading
    try {
      const pictures = await Promise.all([...start, ...end].map(fetchPicture))
      if (turn !== this.#loading) return // a later run was faster
      this.pictures = pictures
      this.#size = size
      this.stage.view.aspect = size[0] / size[1]
    } catch (error) {
      if (!(error instanceof Gone)) throw error
      this.pictures = null
      this.gone = true
    }
    this.#say()
    this.stage.invalidate()
  }

  // What the stage asks.

  draw(context, view) {
    if (this.pictures) {
      const [start, end] = this.pictures
      const share = this.editor.dragged ? this.#shareWhileDragging() : this.#look
      if (share < 1) drawPicture(context, view, start)
      if (share > 0) drawPicture(context, view, end, { alpha: share })
    }
    const { guides, chosen } = this.editor
    if (guides) drawGuides(context, view, guides, chosen)
    if (this.pictures && guides?.list.length === 0) drawCaption(context, view, this.text.hint)
  }

  down(place) {
    if (!this.pictures || !this.editor.guides) return false
    this.editor.down(place, this.stage.view)
    return true
  }

  move(place) {
    this.editor.move(place, this.stage.view)
  }

  up() {
    this.editor.up()
  }

  double(place) {
    if (this.editor.guides) this.editor.double(place, this.stage.view)
  }

  key(event) {
    if (event.key === 'Tab' || !this.pictures || !this.editor.guides) return false
    return this.editor.key(event, this.stage.view)
  }

  /** The image in which the handle lies is the one to be seen. */
  #shareWhileDragging() {
    const { guide, chosen } = this.editor
    const time = guide.points[chosen.handle][0]
    return time === 0 ? 0 : SHARE.dragging
  }

  #controls() {
    const { text, editor } = this
    this.look = slider(text.look, { min: 0, max: 1, step: 0.01, value: 0 }, (share) => {
      this.#look = share
      this.stage.invalidate()
    })
    this.radius = slider(text.radius, { min: 0.005, max: 0.3, step: 0.005, value: 0.06 }, (radius) => {
      editor.guides.resize(editor.chosen.guide, radius)
      this.#changed()
    })
    this.front = tick(text.inFront, false, (on) => {
      editor.guide.in_front = on
      this.#changed()
    })
    this.handle = button(text.addHandle, text.addHandleTitle, () => editor.addHandle())
    this.remove = button(text.remove, text.removeTitle, () => editor.remove())
    const fit = button(text.fit, text.fitTitle, () => this.stage.fit())
    return panel(
      row(element('span', { textContent: text.start }), this.look, element('span', { textContent: text.end }), fit),
      row(labelled(text.radius, this.radius), this.front.element, this.handle, this.remove),
    )
  }

  #read() {
    const text = this.widget.value ?? ''
    if (text === this.#text) return
    this.#text = text
    this.editor.use(Guides.parse(text))
    this.#show()
  }

  #changed() {
    const { guides } = this.editor
    guides.size ??= this.#size
    this.#text = guides.toString()
    if (this.widget.value !== this.#text) this.widget.value = this.#text
    this.#show()
  }

  #show() {
    const { guide } = this.editor
    for (const control of [this.radius, this.front.input, this.handle, this.remove]) control.disabled = !guide
    if (guide) this.radius.value = guide.radius
    this.front.input.checked = guide?.in_front ?? false
    this.#say()
    this.stage.invalidate()
  }

  #say() {
    const { text } = this
    if (!this.editor.guides) return this.stage.say(text.noText)
    if (!this.pictures) return this.stage.say(this.gone ? text.gone : text.guidesFirst)
    this.stage.say(this.#fits() ? null : text.otherAspect)
  }

  #fits() {
    const { list, size } = this.editor.guides
    return !list.length || Math.abs((size[0] * this.#size[1]) / (size[1] * this.#size[0]) - 1) <= SAME_ASPECT
  }
}
