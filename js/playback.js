/** Time that runs by itself, from start to end and again. */

const SECONDS = 2.5 // from start to end

export class Playback {
  #asked = 0
  #last = 0
  #tau = 0

  /** show(tau) with every frame of the browser; ended() when it stops. */
  constructor(show, ended) {
    this.show = show
    this.ended = ended
  }

  get playing() {
    return this.#asked !== 0
  }

  play(tau) {
    this.#tau = tau < 1 ? tau : 0
    this.#last = performance.now()
    this.#asked ||= requestAnimationFrame((now) => this.#step(now))
  }

  pause() {
    if (!this.playing) return
    cancelAnimationFrame(this.#asked)
    this.#asked = 0
    this.ended()
  }

  #step(now) {
    this.#tau = (this.#tau + Math.max(now - this.#last, 0) / 1000 / SECONDS) % 1
    this.#last = now
    this.#asked = requestAnimationFrame((later) => this.#step(later))
    this.show(this.#tau)
  }
}
