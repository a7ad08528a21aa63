/** Looks again and again, as long as somebody can see it. */

export class Poll {
  #work;
  #everyMs;
  #running = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  // Of two rounds that overlap, only the later one goes on.
  #round = 0;

  /**
   * @param {() => Promise<void>} work  does not throw
   * @param {number} everyMs  from the end of one look to the beginning of the next
   */
  constructor(work, everyMs) {
    this.#work = work;
    this.#everyMs = everyMs;
    document.addEventListener("visibilitychange", () => {
      if (this.#running) this.#go();
    });
  }

  /** Look now, and from now on. */
  start() {
    this.#running = true;
    return this.#go();
  }

  stop() {
    this.#running = false;
    this.#round += 1;
    clearTimeout(this.#timer);
  }

  async #go() {
    clearTimeout(this.#timer);
    if (document.hidden) return;
    const round = ++this.#round;
    await this.#work();
    if (round === this.#round && !document.hidden) this.#timer = setTimeout(() => this.#go(), this.#everyMs);
  }
}
