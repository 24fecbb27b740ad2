// Keeps the latest words in view while they come, until the reader scrolls up.

/** This close to the end counts as being there. */
const NEAR_PX = 48;

export class Scroll {
  constructor(frame, toLatest) {
    this.frame = frame;
    this.toLatest = toLatest;
    this.follows = true;
    this.lastTop = 0;
    this.isEmpty = true;
    frame.addEventListener("scroll", () => this.scrolled(), { passive: true });
    toLatest.addEventListener("click", () => {
      this.toEnd();
      this.frame.focus({ preventScroll: true });
    });
    // What grows below, an image of a dialog's keyboard or a rotated screen, keeps the end in view.
    new ResizeObserver(() => this.grown()).observe(frame);
  }

  showButton() {
    this.toLatest.hidden = this.isNearEnd || this.isEmpty;
  }

  get isNearEnd() {
    const { scrollHeight, scrollTop, clientHeight } = this.frame;
    return scrollHeight - scrollTop - clientHeight < NEAR_PX;
  }

  scrolled() {
    const { scrollTop } = this.frame;
    // Only up is the reader's own doing: down is where new words lead.
    if (scrollTop < this.lastTop - 1 && !this.isNearEnd) this.follows = false;
    else if (this.isNearEnd) this.follows = true;
    this.lastTop = scrollTop;
    this.showButton();
  }

  /** To be called after words were added. */
  grown() {
    if (this.follows) this.frame.scrollTop = this.frame.scrollHeight;
    this.lastTop = this.frame.scrollTop;
    this.showButton();
  }

  /** For a conversation without messages, which begins at its beginning. */
  toStart() {
    this.isEmpty = true;
    this.follows = false;
    this.frame.scrollTop = 0;
    this.grown();
  }

  toEnd() {
    this.isEmpty = false;
    this.follows = true;
    this.grown();
  }
}
