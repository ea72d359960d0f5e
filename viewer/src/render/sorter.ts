import type { Splats } from "../splats.ts";
import { Order, type Sortable } from "./order.ts";
import type { SceneMessage, SortedMessage, SortMessage } from "./order.worker.ts";
import OrderWorker from "./order.worker.ts?worker&inline";
import { sameView, type View } from "./view.ts";

interface Wanted {
  view: View;
  budget: number;
  /** Of the scene, so that an order of fewer splats is never taken for the newest. */
  version: number;
}

/**
 * Orders of one scene, from a worker; the newest request wins, and one at a time is under way. Where a page may have no workers
 * (by its content security policy, say), orders are made on this thread.
 */
export class Sorter {
  private readonly onOrder: (order: Uint32Array<ArrayBuffer>) => void;
  private worker: Worker | null = null;
  private scene: Splats | null = null;
  private version = 0;
  /** The first version whose orders name only splats that are still there. */
  private oldest = 0;
  /** Copy of the scene for `sortNow`, made when it is first called. */
  private own: Order | null = null;
  private underWay: Wanted | null = null;
  private done: Wanted | null = null;
  private waiting: Wanted | null = null;
  private spare: Uint32Array<ArrayBuffer> | null = null;
  private idle: (() => void)[] = [];

  /** @param onOrder gets numbers of splats, nearest first; the array is the sorter's again after the call. */
  constructor(onOrder: (order: Uint32Array<ArrayBuffer>) => void) {
    this.onOrder = onOrder;
    try {
      this.worker = new OrderWorker();
      this.worker.onmessage = ({ data }: MessageEvent<SortedMessage>) => this.receive(data.order);
      this.worker.onerror = () => this.goOnAlone();
    } catch {
      // without one
    }
  }

  /**
   * @param keep this many first splats are as they were.
   * @param refines whether orders of the scene before are good enough until the first of this one comes.
   */
  setScene(splats: Splats | null, keep: number, refines: boolean): void {
    this.scene = splats;
    this.version++;
    if (!refines) this.oldest = this.version;
    this.own = null;
    if (this.worker === null) return;
    const rows = rowsFrom(splats, keep);
    const message: SceneMessage = { kind: "scene", from: keep, rows };
    this.worker.postMessage(message, [rows.means.buffer, rows.logScales.buffer, rows.opacityLogits.buffer] as ArrayBuffer[]);
  }

  /** Asks for an order, unless the last answer or the one under way is it. */
  request(view: View, budget: number): void {
    if (this.worker === null) return this.sortNow(view, budget);
    const wanted = { view, budget, version: this.version };
    if (same(this.underWay ?? this.done, wanted)) {
      this.waiting = null;
      return;
    }
    this.waiting = wanted;
    if (this.underWay === null) this.start();
  }

  /** The order, on this thread, given out before this returns. */
  sortNow(view: View, budget: number): void {
    const wanted = { view, budget, version: this.version };
    if (same(this.done, wanted)) return;
    if (this.own === null) {
      this.own = new Order();
      this.own.set(0, rowsFrom(this.scene, 0));
    }
    this.done = wanted;
    this.onOrder(this.own.sort(view, budget));
  }

  /** Makes the next request be answered anew. */
  forget(): void {
    this.done = null;
  }

  /** Resolves when the order of the last request has been given out. */
  settled(): Promise<void> {
    if (this.underWay === null) return Promise.resolve();
    return new Promise((resolve) => this.idle.push(resolve));
  }

  dispose(): void {
    this.worker?.terminate();
    this.release();
  }

  private start(): void {
    this.underWay = this.waiting!;
    this.waiting = null;
    const { view, budget } = this.underWay;
    const message: SortMessage = { kind: "sort", view, budget, spare: this.spare };
    this.worker!.postMessage(message, this.spare === null ? [] : [this.spare.buffer]);
    this.spare = null;
  }

  /** The worker cannot be loaded, or has run out of memory. */
  private goOnAlone(): void {
    const wanted = this.waiting ?? this.underWay;
    this.worker?.terminate();
    this.worker = this.underWay = this.waiting = null;
    if (wanted !== null) this.sortNow(wanted.view, wanted.budget);
    this.release();
  }

  private receive(order: Uint32Array<ArrayBuffer>): void {
    const { underWay } = this;
    this.underWay = null;
    if (underWay!.version >= this.oldest) {
      this.done = underWay;
      this.onOrder(order);
    }
    this.spare = new Uint32Array(order.buffer);
    if (this.waiting !== null) this.start();
    else this.release();
  }

  private release(): void {
    for (const resolve of this.idle.splice(0)) resolve();
  }
}

function same(a: Wanted | null, b: Wanted): boolean {
  return a !== null && a.version === b.version && a.budget === b.budget && sameView(a.view, b.view);
}

function rowsFrom(splats: Splats | null, from: number): Sortable {
  if (splats === null) return { means: new Float32Array(0), logScales: new Float32Array(0), opacityLogits: new Float32Array(0) };
  const { count, means, logScales, opacityLogits } = splats;
  return {
    means: means.slice(3 * from, 3 * count),
    logScales: logScales.slice(3 * from, 3 * count),
    opacityLogits: opacityLogits.slice(from, count),
  };
}
