/**
 * Guides as they lie in the workflow, and what can be done to them.
 *
 * {"version": 1, "size": [width, height], "guides": [{"points": [[t, x, y], ...], "radius": r, "in_front": false}]}
 *
 * A guide's points lead from the start image (t = 0) to the end image (t = 1). x and y go from 0 to 1 across the image,
 * the radius is a fraction of the width. The node checks all of it; here only what is needed to draw is looked at.
 */

import { cubicWeights } from '../paths/cubic.js'

const VERSION = 1
const RADIUS = 0.06
const LEAST_RADIUS = 0.005
const MOST_RADIUS = 0.5
const LEAST_STEP = 0.01 // of time, between two handles

export class Guides {
  size = null // [width, height] of the images on which they are drawn
  list = []

  /** Of the text in the widget; null where it is not in the format. */
  static parse(text) {
    const guides = new Guides()
    if (!text.trim()) return guides
    try {
      const { version, size, guides: list } = JSON.parse(text)
      const isPoint = (point) => point.length === 3 && point.every(Number.isFinite)
      if (version !== VERSION || size.length !== 2 || !list.every(({ points }) => points.length > 1 && points.every(isPoint)))
        return null
      guides.size = size
      guides.list = list
      return guides
    } catch {
      return null
    }
  }

  /** Readable: a line for each guide. Without guides the text is empty. */
  toString() {
    if (!this.list.length) return ''
    const lines = this.list.map((guide) => spaced(rounded(guide)))
    return `{"version": ${VERSION}, "size": ${spaced(this.size)}, "guides": [\n${lines.join(',\n')}]}`
  }

  /** A guide that stays where it is; its number. */
  add(place) {
    const [x, y] = inside(place)
    if (!this.list.length) this.size = null // of images that may be others by now
    return this.list.push({ points: [[0, x, y], [1, x, y]], radius: RADIUS, in_front: false }) - 1
  }

  move({ guide, handle }, place) {
    this.list[guide].points[handle].splice(1, 2, ...inside(place))
  }

  /** A handle on the path at this time, which leaves the path as it is as far as a cubic can; its number. */
  insert(guide, time) {
    const { points } = this.list[guide]
    const after = points.findIndex(([t]) => t > time)
    if (after < 1 || time - points[after - 1][0] < LEAST_STEP || points[after][0] - time < LEAST_STEP) return null
    points.splice(after, 0, [time, ...inside(placeAt(points, time))])
    return after
  }

  /** The middle of the longest time without a handle. */
  insertBetween(guide) {
    const { points } = this.list[guide]
    const gaps = points.slice(1).map(([t], i) => t - points[i][0])
    const longest = gaps.indexOf(Math.max(...gaps))
    return this.insert(guide, points[longest][0] + gaps[longest] / 2)
  }

  /** Ends stay at 0 and 1, and handles in their order. */
  retime({ guide, handle }, step) {
    const { points } = this.list[guide]
    if (handle === 0 || handle === points.length - 1) return
    const [least, most] = [points[handle - 1][0] + LEAST_STEP, points[handle + 1][0] - LEAST_STEP]
    points[handle][0] = Math.min(Math.max(points[handle][0] + step, least), most)
  }

  /** A handle in between, or with one of its ends the whole guide; whether the guide is still there. */
  remove({ guide, handle }) {
    const { points } = this.list[guide]
    const isEnd = handle === 0 || handle === points.length - 1
    if (isEnd) this.list.splice(guide, 1)
    else points.splice(handle, 1)
    return !isEnd
  }

  resize(guide, radius) {
    this.list[guide].radius = Math.min(Math.max(radius, LEAST_RADIUS), MOST_RADIUS)
  }
}

/** Where a guide leads at a time. */
export function placeAt(points, time) {
  const times = points.map(([t]) => t)
  const place = [0, 0]
  for (const [knot, weight] of cubicWeights(times, time)) {
    place[0] += weight * points[knot][1]
    place[1] += weight * points[knot][2]
  }
  return place
}

function inside(place) {
  return place.map((value) => Math.min(Math.max(value, 0), 1))
}

function rounded({ points, radius, in_front }) {
  const digits = (value) => Math.round(value * 1e5) / 1e5
  return { points: points.map((point) => point.map(digits)), radius: digits(radius), in_front }
}

/** As Python writes JSON, for values without text. */
function spaced(value) {
  return JSON.stringify(value).replace(/[,:]/g, '$& ')
}
