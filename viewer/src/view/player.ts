import type { SequenceSource } from "../decode/sequence_source.ts";
import type { Slot } from "../render/options.ts";
import type { Splats } from "../splats.ts";

/** Frames that are decoded ahead of the one that is shown. */
const AHEAD = 8;

/** Where a sequence stands, for the time bar. */
export interface Moment {
  playing: boolean;
  seconds: number;
  /** How long it plays. */
  duration: number;
  frame: number;
  frames: number;
  speed: number;
}

export interface PlayerEvents {
  show(slot: Slot, splats: Splats, frame: number): void;
  /** The time, or whether it runs, has changed; null where nothing plays. */
  moment(moment: Moment | null): void;
  /** A frame cannot be decoded: the one before it stays. */
  fault(slot: Slot, frame: number, error: Error): void;
}

/** One clock for up to two sequences. It shows each frame in its time, over and over, and drops those that come too late. */
export class Player {
  readonly #events: PlayerEvents;
  readonly #sources: [SequenceSource | null, SequenceSource | null] = [null, null];
  readonly #shown: [number, number] = [-1, -1];
  #seconds = 0;
  #speed = 1;
  #playing = false;
  #last = 0;

  constructor(events: PlayerEvents) {
    this.#events = events;
  }

  /** Null takes a sequence away. `shown` is the frame that is on the stage already. */
  set(slot: Slot, source: SequenceSource | null, shown = -1): void {
    this.#sources[slot]?.stop();
    this.#sources[slot] = source;
    this.#shown[slot] = shown;
    if (source) {
      source.handlers = {
        onFrame: () => this.#playing || this.#refresh(),
        onFault: (frame, error) => this.#events.fault(slot, frame, error),
      };
    }
    if (this.#main === null) [this.#playing, this.#seconds] = [false, 0];
    this.#seconds = Math.min(this.#seconds, this.duration);
    this.#refresh();
  }

  get active(): boolean {
    return this.#main !== null;
  }

  get playing(): boolean {
    return this.#playing;
  }

  get seconds(): number {
    return this.#seconds;
  }

  /** Of the longer sequence. */
  get duration(): number {
    return Math.max(0, ...this.#sources.map((source) => source?.seconds ?? 0));
  }

  set speed(speed: number) {
    this.#speed = speed;
    this.#refresh();
  }

  toggle(): void {
    if (!this.active) return;
    this.#playing = !this.#playing;
    this.#last = performance.now();
    this.#refresh();
    if (this.#playing) requestAnimationFrame((now) => this.tick(now));
  }

  seek(seconds: number): void {
    const end = this.#main ? (this.#main.sequence.frames - 1) / this.#main.sequence.rate : 0;
    this.#seconds = Math.min(Math.max(seconds, 0), end);
    this.#refresh();
  }

  /** Stops at a frame near by; the first follows the last. */
  step(by: number): void {
    const source = this.#main;
    if (!source) return;
    const { frames, rate } = source.sequence;
    this.#playing = false;
    this.seek(((source.at(this.#seconds) + by + frames) % frames) / rate);
  }

  /** Lets the time go on to `now`, milliseconds; called for every picture while it plays. */
  tick(now: number): void {
    if (!this.#playing) return;
    this.#seconds += (this.#speed * Math.max(0, now - this.#last)) / 1000;
    this.#last = Math.max(now, this.#last);
    if (this.duration > 0) this.#seconds %= this.duration;
    this.#refresh();
    requestAnimationFrame((next) => this.tick(next));
  }

  get #main(): SequenceSource | null {
    const [first, second] = this.#sources;
    return first && second ? (second.seconds > first.seconds ? second : first) : (first ?? second);
  }

  /** Shows the frames of the time, if they are there, and wants those that come next. */
  #refresh(): void {
    for (const slot of [0, 1] as const) {
      const source = this.#sources[slot];
      if (source) this.#update(slot, source);
    }
    const source = this.#main;
    const [seconds, duration, playing, speed] = [this.#seconds, this.duration, this.#playing, this.#speed];
    this.#events.moment(source && { playing, seconds, duration, speed, frame: source.at(seconds), frames: source.sequence.frames });
  }

  #update(slot: Slot, source: SequenceSource): void {
    const { frames, rate } = source.sequence;
    const due = source.at(this.#seconds);
    const found = this.#playing ? newestReady(source, this.#shown[slot], due) : due;
    // A frame that is begun now is there some frames later, when it would be late: those before it are left out.
    const late = this.#playing && source.ready(due) === null ? Math.round((source.frameMs / 1000) * rate * this.#speed) : 0;
    const first = due + Math.min(late, AHEAD);
    source.want(Array.from({ length: Math.min(AHEAD, frames) }, (_, i) => (first + i) % frames));
    const splats = found === this.#shown[slot] ? null : source.ready(found);
    if (splats === null) return;
    this.#shown[slot] = found;
    this.#events.show(slot, splats, found);
  }
}

/** The newest decoded frame after `shown`, at most `due`, in a sequence that begins anew at its end; `shown` where there is none. */
export function newestReady(source: Pick<SequenceSource, "ready" | "sequence">, shown: number, due: number): number {
  const { frames } = source.sequence;
  const passed = shown < 0 ? frames : (due - shown + frames) % frames;
  for (let back = 0; back < passed; back++) {
    const frame = (due - back + frames) % frames;
    if (source.ready(frame) !== null) return frame;
  }
  return shown;
}
