import { dolly, look, move, orbit, pan, roll, zoomed, type Pose } from "./pose.ts";
import { type Vec3 } from "./vectors.ts";

/** What controls act on. */
export interface Viewpoint {
  pose: Pose;
  /** Unit vector that is upwards in the scene. */
  readonly up: Vec3;
  /** World units a second of flying. */
  readonly speed: number;
  /** Someone took hold of the view: flights to presets end. */
  grabbed(): void;
  /** A click that was no drag, CSS pixels from the canvas's corner. */
  clicked(x: number, y: number): void;
}

const ORBIT_PER_HEIGHT = Math.PI;
const WHEEL_OCTAVES = 1 / 500;
const CLICK_PIXELS = 4;
const FLY: Record<string, Vec3> = {
  KeyW: [0, 0, 1], KeyS: [0, 0, -1], KeyA: [-1, 0, 0], KeyD: [1, 0, 0], KeyQ: [0, 1, 0], KeyE: [0, -1, 0],
};
const TURN: Record<string, [number, number]> = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
const [FAST, SLOW] = [5, 0.2];
const STICK_DEAD = 0.15;

/** Mouse, touch, keyboard and gamepad. `tick` has to be called for every frame while `active`. */
export class Controls {
  readonly #canvas: HTMLElement;
  readonly #view: Viewpoint;
  readonly #held = new Set<string>();
  readonly #pointers = new Map<number, { x: number; y: number }>();
  readonly #listeners = new AbortController();
  #travelled = 0;
  #button = 0;
  #modifiers = { fast: false, slow: false };

  constructor(canvas: HTMLElement, view: Viewpoint) {
    this.#canvas = canvas;
    this.#view = view;
    const signal = this.#listeners.signal;
    canvas.addEventListener("pointerdown", (e) => this.#down(e), { signal });
    canvas.addEventListener("pointermove", (e) => this.#moved(e), { signal });
    for (const end of ["pointerup", "pointercancel"] as const) canvas.addEventListener(end, (e) => this.#up(e, end === "pointerup"), { signal });
    canvas.addEventListener("wheel", (e) => this.#wheel(e), { signal, passive: false });
    canvas.addEventListener("contextmenu", (e) => e.preventDefault(), { signal });
    window.addEventListener("keydown", (e) => this.#key(e, true), { signal });
    window.addEventListener("keyup", (e) => this.#key(e, false), { signal });
    window.addEventListener("blur", () => this.#held.clear(), { signal });
  }

  dispose(): void {
    this.#listeners.abort();
  }

  /** Something is held down that moves the view by itself. */
  get active(): boolean {
    return this.#held.size > 0 || gamepad() !== null;
  }

  /** Flies on for `seconds`; true where the view changed. */
  tick(seconds: number): boolean {
    const speed = this.#view.speed * seconds * (this.#modifiers.fast ? FAST : 1) * (this.#modifiers.slow ? SLOW : 1);
    let [by, yaw, pitch]: [Vec3, number, number] = [[0, 0, 0], 0, 0];
    for (const code of this.#held) {
      const step = FLY[code];
      if (step) by = [by[0] + step[0], by[1] + step[1], by[2] + step[2]];
      const turn = TURN[code];
      if (turn) [yaw, pitch] = [yaw + turn[0], pitch + turn[1]];
    }
    const stick = gamepad();
    let pose = this.#view.pose;
    if (yaw || pitch) pose = orbit(pose, yaw * seconds, pitch * seconds, this.#view.up);
    if (stick) {
      by = [by[0] + stick.move[0], by[1] + stick.move[1], by[2] + stick.move[2]];
      pose = look(pose, -stick.look[0] * 1.5 * seconds, -stick.look[1] * 1.5 * seconds, this.#view.up);
    }
    if (by.some((v) => v !== 0)) pose = move(pose, [by[0] * speed, by[1] * speed, by[2] * speed]);
    if (pose === this.#view.pose) return false;
    this.#view.grabbed();
    this.#view.pose = pose;
    return true;
  }

  #down(event: PointerEvent): void {
    this.#canvas.focus({ preventScroll: true });
    this.#canvas.setPointerCapture(event.pointerId);
    this.#pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    if (this.#pointers.size === 1) [this.#travelled, this.#button] = [0, event.button];
    this.#view.grabbed();
  }

  #moved(event: PointerEvent): void {
    const before = this.#pointers.get(event.pointerId);
    if (!before) return;
    const after = { x: event.clientX, y: event.clientY };
    const height = this.#canvas.clientHeight || 1;
    const [dx, dy] = [(after.x - before.x) / height, (after.y - before.y) / height];
    this.#travelled += Math.abs(after.x - before.x) + Math.abs(after.y - before.y);
    const view = this.#view;
    if (this.#pointers.size === 2) {
      const other = [...this.#pointers].find(([id]) => id !== event.pointerId)![1];
      const apart = (p: { x: number; y: number }): number => Math.hypot(p.x - other.x, p.y - other.y) || 1;
      view.pose = dolly(pan(view.pose, dx / 2, dy / 2), apart(before) / apart(after));
    } else if (this.#button === 2 || this.#button === 1 || event.shiftKey) {
      view.pose = pan(view.pose, dx, dy);
    } else if (event.ctrlKey || event.metaKey) {
      view.pose = look(view.pose, dx * view.pose.fovY, dy * view.pose.fovY, view.up);
    } else if (event.altKey) {
      view.pose = roll(view.pose, dx * ORBIT_PER_HEIGHT);
    } else {
      view.pose = orbit(view.pose, -dx * ORBIT_PER_HEIGHT, -dy * ORBIT_PER_HEIGHT, view.up);
    }
    this.#pointers.set(event.pointerId, after);
  }

  #up(event: PointerEvent, done: boolean): void {
    if (!this.#pointers.delete(event.pointerId) || !done) return;
    if (this.#pointers.size === 0 && this.#button === 0 && this.#travelled < CLICK_PIXELS) {
      const corner = this.#canvas.getBoundingClientRect();
      this.#view.clicked(event.clientX - corner.left, event.clientY - corner.top);
    }
  }

  #wheel(event: WheelEvent): void {
    event.preventDefault();
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 30 : 1;
    const factor = 2 ** (event.deltaY * lines * WHEEL_OCTAVES);
    this.#view.grabbed();
    this.#view.pose = event.altKey ? zoomed(this.#view.pose, factor) : dolly(this.#view.pose, factor);
  }

  #key(event: KeyboardEvent, down: boolean): void {
    this.#modifiers = { fast: event.shiftKey, slow: event.altKey };
    if (!(event.code in FLY) && !(event.code in TURN)) return;
    if (down && (event.target as HTMLElement | null)?.closest?.("select, input, textarea, dialog[open], [role=slider]")) return;
    if (!down) {
      this.#held.delete(event.code);
    } else if (!event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      this.#held.add(event.code);
      this.#view.grabbed();
    }
  }
}

/** The first gamepad that is touched: moves [right, down, forward] and looks [right, down], each -1 to 1. */
function gamepad(): { move: Vec3; look: [number, number] } | null {
  const pad = navigator.getGamepads?.().find((p) => p?.connected && p.axes.length >= 4);
  if (!pad) return null;
  const axis = (i: number): number => (Math.abs(pad.axes[i]) > STICK_DEAD ? pad.axes[i] : 0);
  const trigger = (i: number): number => pad.buttons[i]?.value ?? 0;
  const found = { move: [axis(0), trigger(6) - trigger(7), -axis(1)] as Vec3, look: [axis(2), axis(3)] as [number, number] };
  return [...found.move, ...found.look].some((v) => v !== 0) ? found : null;
}
