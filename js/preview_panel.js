/** The result of RDVFI Interpolate as a small video under the node, with a tick for each of its frames. */

import { api } from '../../scripts/api.js'
import { element } from './controls.js'
import { texts } from './texts.js'
import { addPanel, after } from './widget.js'

const COLOURS = { copied: '#ffffff', made: '#4aa3ff', cut: '#ff5050' }
const HEIGHTS = { copied: 1, made: 0.5, cut: 1 } // of the strip
const LEAST = 200 // px of the panel

/** It takes no room before there is something to show. */
export function addPreview(node) {
  let preview = null
  after(node, 'onExecuted', ({ rdvfi_preview: [shown] = [] }) => {
    if (!shown) return
    if (!preview) {
      preview = new Preview()
      addPanel(node, 'preview', preview, { width: 320, height: node.size[1] + LEAST, least: LEAST })
    }
    preview.show(shown)
  })
}

class Preview {
  #frames = []
  #fps = 1

  constructor() {
    this.video = element('video', { controls: true, loop: true, muted: true, playsInline: true })
    this.strip = element('canvas', { title: texts().preview })
    this.element = element('div', { className: 'rdvfi-preview' }, this.video, this.strip)
    this.video.addEventListener('timeupdate', () => this.#draw())
    this.video.addEventListener('play', () => this.#follow())
    this.strip.addEventListener('pointerdown', (event) => this.#seek(event))
    this.observer = new ResizeObserver(() => this.#draw())
    this.observer.observe(this.strip)
  }

  show({ video, fps, frames }) {
    this.video.src = api.apiURL(`/view?${new URLSearchParams(video)}`)
    this.#frames = frames
    this.#fps = fps
    this.#draw()
  }

  close() {
    this.observer.disconnect()
    this.video.removeAttribute('src')
    this.video.load() // lets go of the file
  }

  #follow() {
    this.#draw()
    if (!this.video.paused) requestAnimationFrame(() => this.#follow())
  }

  #seek(event) {
    event.stopPropagation()
    if (event.button !== 0) return
    const box = this.strip.getBoundingClientRect()
    const frame = Math.floor(((event.clientX - box.left) / box.width) * this.#frames.length)
    this.video.currentTime = (frame + 0.5) / this.#fps
  }

  #draw() {
    const { clientWidth: width, clientHeight: height } = this.strip
    if (!width) return
    Object.assign(this.strip, { width: width * devicePixelRatio, height: height * devicePixelRatio })
    const context = this.strip.getContext('2d')
    context.scale(devicePixelRatio, devicePixelRatio)
    const step = width / this.#frames.length
    const now = Math.floor(this.video.currentTime * this.#fps)
    context.fillStyle = 'rgb(255 255 255 / 25%)'
    context.fillRect(now * step, 0, Math.max(step, 2), height)
    this.#frames.forEach((kind, i) => {
      const length = height * HEIGHTS[kind]
      context.fillStyle = COLOURS[kind]
      context.fillRect((i + 0.5) * step - 0.75, height - length, Math.min(1.5, step), length)
    })
  }
}
