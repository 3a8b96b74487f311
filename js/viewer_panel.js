/** RDVFI Trajectory Viewer: canvas, controls, and what of them is kept in the workflow. */

import { Gone, drawCaption, drawPicture, fetchFile, fetchPicture } from './canvas/pictures.js'
import { Stage } from './canvas/stage.js'
import { button, choice, element, labelled, panel, row, slider, tick } from './controls.js'
import { Particles, drawPicked } from './paths/particles.js'
import { Field } from './paths/fields.js'
import { PathSet } from './paths/path_set.js'
import { Playback } from './playback.js'
import { texts } from './texts.js'
import { addPanel } from './widget.js'

const KEPT = 'rdvfi_view' // properties of the node, so that the workflow holds them
const FILES = 'rdvfi_files'
const DEFAULTS = {
  tau: 0, density: 40, particles: true, trails: true, field: 'nothing', ground: 'frames', wipe: 'none', edge: 0.5,
  points: [], zoom: 1, centre: [0.5, 0.5],
}
const FIELD_ALPHA = 0.85
const GRAB_PX = 8
const CLICK_PX = 3 // a pointer that moved less than this clicked

export function addViewer(node) {
  return addPanel(node, 'viewer', new Viewer(node), { width: 560, height: 560, least: 320 })
}

export class Viewer {
  paths = null
  pictures = {} // start, end, frames, other -> list of pictures
  #field = new Field()
  #particles = new Particles()
  #pressed = null // where the pointer went down, and what it drags
  #loading = 0

  constructor(node) {
    this.node = node
    this.text = texts()
    this.state = structuredClone(DEFAULTS)
    this.playback = new Playback((tau) => this.setTau(tau), () => this.#played())
    this.stage = new Stage(this, this.text.viewerCanvas)
    this.element = element('div', {}, this.stage.element, this.#controls())
    this.stage.say(this.text.runFirst)
  }

  executed({ rdvfi_viewer: [files] = [] }) {
    if (!files) return
    this.node.properties[FILES] = files
    this.load(files)
  }

  configured() {
    this.state = { ...structuredClone(DEFAULTS), ...this.node.properties[KEPT] }
    Object.assign(this.stage.view, { zoom: this.state.zoom, centre: [...this.state.centre] })
    this.#showState()
    if (this.node.properties[FILES]) this.load(this.node.properties[FILES])
  }

  close() {
    this.playback.pause()
    this.stage.close()
  }

  async load({ paths, ...lists }) {
    const turn = ++this.#loading
    try {
      const content = fetchFile(paths).then((answer) => answer.arrayBuffer())
      const fetched = Object.entries(lists).map(async ([name, files]) => [
        name,
        await Promise.all(files.map(fetchPicture)),
      ])
      const pictures = Object.fromEntries(await Promise.all(fetched))
      const read = new PathSet(await content)
      if (turn !== this.#loading) return // a later run was faster
      this.paths = read
      this.pictures = pictures
      this.stage.view.aspect = pictures.start[0].width / pictures.start[0].height
      this.#offer()
      this.stage.say(null)
    } catch (error) {
      this.paths = null
      this.stage.say(error instanceof Gone ? this.text.gone : this.text.broken)
      if (!(error instanceof Gone)) console.error('RDVFI:', error)
    }
    this.stage.invalidate()
  }

  setTau(tau) {
    this.state.tau = Math.min(Math.max(tau, 0), 1)
    this.slider.value = this.state.tau
    this.time.textContent = this.state.tau.toFixed(2)
    this.stage.invalidate()
  }

  // What the stage asks.

  draw(context, view) {
    if (!this.paths) return
    const { state, paths } = this
    this.#drawGround(context, view)
    if (state.field !== 'nothing') {
      const picture = this.#field.picture(state.field, paths, state.tau)
      context.globalAlpha = FIELD_ALPHA
      context.drawImage(picture, ...view.box)
      context.globalAlpha = 1
    }
    if (state.particles)
      this.#particles.draw(context, view, paths, paths.evenly(state.density), state.tau, state.trails)
    drawPicked(context, view, paths, state.points.map((place) => paths.nearest(place)), state.tau)
    if (this.#wipes()) drawEdge(context, view, state.edge)
    if (state.field !== 'nothing') drawCaption(context, view, this.text[`${state.field}Legend`])
  }

  down(place) {
    if (!this.paths) return false
    const onEdge = this.#wipes() && Math.abs(place[0] - this.state.edge * this.stage.view.size[0]) < GRAB_PX
    this.#pressed = { place, onEdge, last: place }
    return true
  }

  move(place) {
    const { onEdge, last, place: began } = this.#pressed
    if (onEdge) {
      this.state.edge = Math.min(Math.max(place[0] / this.stage.view.size[0], 0), 1)
    } else if (Math.hypot(place[0] - began[0], place[1] - began[1]) > CLICK_PX || this.#pressed.pans) {
      this.#pressed.pans = true
      this.stage.view.pan(place[0] - last[0], place[1] - last[1])
    }
    this.#pressed.last = place
    this.stage.invalidate()
  }

  up(place) {
    const { onEdge, pans } = this.#pressed
    this.#pressed = null
    if (!onEdge && !pans) this.#toggle(place)
    this.viewed()
  }

  viewed() {
    const { zoom, centre } = this.stage.view
    Object.assign(this.state, { zoom, centre: [...centre] })
    this.#keep()
  }

  key({ key, shiftKey }) {
    const step = shiftKey ? 1 / 8 : 1 / 64
    const { points } = this.state
    if (key === ' ') this.#playOrPause()
    else if (key === 'ArrowLeft') this.setTau(this.state.tau - step)
    else if (key === 'ArrowRight') this.setTau(this.state.tau + step)
    else if (key === 'Home') this.setTau(0)
    else if (key === 'End') this.setTau(1)
    else if (key.toLowerCase() === 'n') this.#toggle(this.stage.view.size.map((side) => side / 2))
    else if (key === 'Delete' || key === 'Backspace') points.pop()
    else return false
    this.#keep()
    this.stage.invalidate()
    return true
  }

  /** Adds the path that is nearest to this place at the time shown, or removes a picked one that is there. */
  #toggle(place) {
    if (!this.paths) return
    const { paths, state } = this
    const { view } = this.stage
    const picked = state.points.map((point) => paths.nearest(point))
    const [path, distance] = paths.nearestAt(state.tau, picked, place, view)
    if (distance < GRAB_PX) {
      state.points = state.points.filter((_, i) => picked[i] !== path)
    } else {
      const [x, y] = view.toPicture(place)
      if (x < 0 || x > 1 || y < 0 || y > 1) return
      const all = Array.from({ length: paths.count }, (_, i) => i)
      const [nearest] = paths.nearestAt(state.tau, all, place, view)
      state.points = [...state.points, paths.origin(nearest)]
    }
    this.#keep()
    this.stage.invalidate()
  }

  #drawGround(context, view) {
    const { ground, wipe, edge } = this.state
    const wipes = this.#wipes()
    const to = wipes ? edge : 1
    const below = this.#picture(ground)
    if (below) drawPicture(context, view, below, { to })
    if (this.#fades()) drawPicture(context, view, this.#picture('end'), { to, alpha: this.state.tau })
    if (wipes) drawPicture(context, view, this.#picture(wipe), { from: edge })
  }

  #wipes() {
    return Boolean(this.#picture(this.state.wipe))
  }

  /** Where no frames are connected, the start fades to the end. */
  #fades() {
    return this.state.ground === 'frames' && !this.pictures.frames
  }

  /** That of the time shown. */
  #picture(name) {
    const list = this.pictures[name === 'frames' && !this.pictures.frames ? 'start' : name]
    return list?.[Math.round(this.state.tau * (list.length - 1))]
  }

  // Controls.

  #controls() {
    const { text, state } = this
    const set = (name) => (value) => {
      this.state[name] = value
      this.#keep()
      this.stage.invalidate()
    }
    this.play = button('▶', text.play, () => this.#playOrPause())
    this.slider = slider(text.time, { min: 0, max: 1, step: 0.001, value: 0 }, (tau) => {
      this.playback.pause()
      this.setTau(tau)
    }, () => this.#keep())
    this.slider.className = 'rdvfi-wide'
    this.time = element('span', { className: 'rdvfi-time', textContent: '0.00' })
    const fields = ['nothing', 'flow', 'visibility', 'error'].map((name) => [name, text[name]])
    this.field = choice(text.show, fields, state.field, set('field'))
    this.ground = choice(text.ground, [], state.ground, set('ground'))
    this.wipe = choice(text.wipe, [], state.wipe, set('wipe'))
    this.particles = tick(text.particles, true, set('particles'))
    this.trails = tick(text.trails, true, set('trails'))
    this.density = slider(text.density, { min: 8, max: 96, step: 1, value: state.density }, set('density'))
    const clear = button('✕', text.clear, () => set('points')([]))
    const fit = button(text.fit, text.fitTitle, () => this.stage.fit())
    this.#offer()
    return panel(
      row(this.play, this.slider, this.time, fit),
      row(this.particles.element, this.density, this.trails.element, clear, labelled(text.show, this.field)),
      row(labelled(text.ground, this.ground), labelled(text.wipe, this.wipe)),
    )
  }

  /** Pictures that can be chosen: those that are there. */
  #offer() {
    const there = ['start', 'end', 'frames', 'other'].filter((name) => this.pictures[name])
    const named = there.map((name) => [name, this.text[name]])
    const fill = (select, list) =>
      select.replaceChildren(...list.map(([value, shown]) => element('option', { value, textContent: shown })))
    const moving = ['frames', this.pictures.frames ? this.text.frames : this.text.fade]
    fill(this.ground, [moving, ...named.filter(([name]) => name !== 'frames'), ['none', this.text.dark]])
    fill(this.wipe, [['none', this.text.noWipe], ...named])
    this.#showState()
  }

  #showState() {
    const { state } = this
    this.field.value = state.field
    this.ground.value = state.ground
    this.wipe.value = this.pictures[state.wipe] ? state.wipe : 'none'
    this.particles.input.checked = state.particles
    this.trails.input.checked = state.trails
    this.density.value = state.density
    this.setTau(state.tau)
  }

  #keep() {
    this.node.properties[KEPT] = structuredClone(this.state)
  }

  #playOrPause() {
    if (this.playback.playing) this.playback.pause()
    else if (this.paths) this.playback.play(this.state.tau)
    this.#played()
  }

  #played() {
    const { playing } = this.playback
    this.play.textContent = playing ? '❚❚' : '▶'
    this.play.title = this.play.ariaLabel = playing ? this.text.pause : this.text.play
    if (!playing) this.#keep()
  }
}

function drawEdge(context, view, edge) {
  const [width, height] = view.size
  context.fillStyle = 'rgb(255 255 255 / 90%)'
  context.fillRect(edge * width - 0.75, 0, 1.5, height)
  context.beginPath()
  context.arc(edge * width, height / 2, 7, 0, 2 * Math.PI)
  context.fill()
}
