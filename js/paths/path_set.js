/** Paths of an even grid of pixels, read from the file that `rdvfi_core.trajectory.path_samples` describes. */

import { cubicWeights, intervalOf } from './cubic.js'

const MAGIC = 'RDVP'
const VERSION = 1
const LOWEST = -1
const SPAN = 3
const STEPS_A_PIXEL = 8

export class PathSet {
  /** content: ArrayBuffer */
  constructor(content) {
    const text = (from, length) => new TextDecoder().decode(new Uint8Array(content, from, length))
    const length = new DataView(content).getUint32(4, true)
    const header = text(0, 4) === MAGIC ? JSON.parse(text(8, length)) : {}
    if (header.version !== VERSION) throw new Error(`no paths of version ${VERSION}`)
    Object.assign(this, { times: header.times, columns: header.columns, rows: header.rows, grid: header.grid })
    this.count = this.columns * this.rows
    const values = this.times.length * this.count
    this.places = Float32Array.from(new Uint16Array(content, 8 + length, 2 * values), (v) => (v / 65535) * SPAN + LOWEST)
    const after = 8 + length + 4 * values
    this.roundTrip = Float32Array.from(new Uint8Array(content, after, this.count), (v) => v / STEPS_A_PIXEL)
    this.seen = new Uint8Array(content, after + this.count)
  }

  /** Places at tau of the paths of these numbers, into out: x, y, x, y, ... */
  placesAt(tau, paths, out = new Float32Array(2 * paths.length)) {
    out.fill(0)
    for (const [knot, weight] of cubicWeights(this.times, tau)) {
      const start = 2 * knot * this.count
      for (let i = 0; i < paths.length; i += 1) {
        const from = start + 2 * paths[i]
        out[2 * i] += weight * this.places[from]
        out[2 * i + 1] += weight * this.places[from + 1]
      }
    }
    return out
  }

  /** Whether the nearer knot sees the path where it is; a function of the path's number. */
  seenAt(tau) {
    const a = intervalOf(this.times, tau)
    const knot = tau - this.times[a] > this.times[a + 1] - tau ? a + 1 : a
    const start = knot * Math.ceil(this.count / 8)
    return (path) => (this.seen[start + (path >> 3)] >> (path & 7)) & 1
  }

  /** Number of the path that begins nearest to a place in the start image. */
  nearest(place) {
    const steps = [1, this.columns] // to the next path on the right, and below
    const [column, row] = [this.columns, this.rows].map((count, i) => {
      const first = this.places[i]
      const spacing = count > 1 ? this.places[2 * steps[i] + i] - first : 1
      return Math.min(Math.max(Math.round((place[i] - first) / spacing), 0), count - 1)
    })
    return row * this.columns + column
  }

  /** Place in the start image where a path begins. */
  origin(path) {
    return [this.places[2 * path], this.places[2 * path + 1]].map((value) => Math.round(value * 1e5) / 1e5)
  }

  /** Number of the path of those given that is nearest at tau to a place, and how far it is in canvas pixels. */
  nearestAt(tau, paths, place, view) {
    const places = this.placesAt(tau, paths)
    let best = [-1, Infinity]
    paths.forEach((path, i) => {
      const [x, y] = view.toCanvas([places[2 * i], places[2 * i + 1]])
      const distance = Math.hypot(x - place[0], y - place[1])
      if (distance < best[1]) best = [path, distance]
    })
    return best
  }

  /** Numbers of an even selection with so many paths in a row. */
  evenly(columns) {
    const step = this.columns / Math.min(columns, this.columns)
    const picked = []
    for (let y = step / 2; y < this.rows; y += step)
      for (let x = step / 2; x < this.columns; x += step) picked.push(Math.floor(y) * this.columns + Math.floor(x))
    return picked
  }
}
