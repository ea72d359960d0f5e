import type { Splats } from "../splats.ts";
import type { BlendPass } from "./blend_pass.ts";
import type { GL } from "./gl.ts";
import type { OpenMapPass } from "./open_map.ts";
import type { Growth } from "./options.ts";
import { PROJECTED_WIDTH, type ProjectPass, Projector } from "./project_pass.ts";
import { SceneTextures } from "./scene_textures.ts";
import { Sorter } from "./sorter.ts";
import { type Columns, Target } from "./target.ts";
import { sameView, type View } from "./view.ts";

/**
 * Splats are drawn in about this many steps. More of them find more splats that are hidden, but each makes the device wait: from 4
 * on, frames of real scenes took no less time.
 */
const STEPS = 4;

/** What the image of a slot depends on, but for its scene and order. */
export interface Shot {
  view: View;
  shDegree: number;
  budget: number;
  /** Internal format of the target. */
  format: number;
}

export interface Passes {
  project: ProjectPass;
  blend: BlendPass;
  openMap: OpenMapPass;
}

/** One slot: a scene, its order and its latest image. */
export class Layer {
  private gl: GL;
  private splats: Splats | null = null;
  private textures: SceneTextures;
  private projector: Projector;
  private target: Target | null = null;
  /** What `target` shows; null when it is out of date. */
  private shown: { shot: Shot; columns: Columns } | null = null;
  private readonly sorter: Sorter;

  /** @param onOrder called when a new order has arrived, which the next frame will use. */
  constructor(gl: GL, onOrder: () => void) {
    this.gl = gl;
    this.textures = new SceneTextures(gl);
    this.projector = new Projector(gl);
    this.sorter = new Sorter((order) => {
      this.takeOrder(order);
      onOrder();
    });
  }

  /** Splats in the order that the image was made of. */
  get drawn(): number {
    return this.projector.count;
  }

  /** @throws RangeError if the scene is too large for the device; the slot is then empty. */
  setScene(splats: Splats | null, { refines = false, keep = 0, capacity = 0 }: Growth): void {
    const before = this.splats?.count ?? 0;
    const continued = refines && splats !== null && splats.count >= before;
    const kept = continued ? Math.min(keep, before) : 0;
    this.splats = null;
    this.shown = null;
    if (splats !== null) this.textures.upload(splats, kept, capacity);
    else this.textures.dispose();
    this.splats = splats;
    this.sorter.setScene(splats, kept, continued);
    if (!continued) this.takeOrder(new Uint32Array(0));
  }

  /**
   * @param columns first and end of those that will be looked at, px; others may be out of date.
   * @param exact sorts on this thread first, so that the image is the one of this view.
   */
  image(passes: Passes, shot: Shot, columns: Columns, exact: boolean): Target {
    const { view, budget } = shot;
    if (exact) this.sorter.sortNow(view, budget);
    else this.sorter.request(view, budget);
    const target = this.targetFor(shot);
    const current = this.shown !== null && sameShot(this.shown.shot, shot);
    if (current && this.shown!.columns[0] <= columns[0] && this.shown!.columns[1] >= columns[1]) return target;
    // More columns of what is shown already: a slider moves, and may go on to do so.
    const drawn: Columns = current ? [0, view.width] : columns;
    passes.blend.clear(target);
    if (this.splats !== null && this.projector.count > 0 && drawn[1] > drawn[0])
      this.draw(passes, this.splats, shot, target, drawn);
    this.shown = { shot, columns: drawn };
    return target;
  }

  /** Projects and blends step by step, and looks in between at what can still be seen. */
  private draw(passes: Passes, { shDegree, antialiased }: Splats, shot: Shot, target: Target, columns: Columns): void {
    const { project, blend, openMap } = passes;
    const { projector, textures } = this;
    const projection = { scene: textures, view: shot.view, degree: Math.min(shot.shDegree, shDegree), antialiased };
    projector.begin(project, projection);
    const step = stepOf(projector.count);
    for (let first = 0; first < projector.count; first += step) {
      const end = Math.min(projector.count, first + step);
      if (first > 0) target.openMap.update(openMap, target, columns);
      projector.project(project, projection, first, end, first > 0 ? target.openMap.openSums : null);
      blend.blend(projector.projected, target, columns, first, end);
    }
  }

  settled(): Promise<void> {
    return this.sorter.settled();
  }

  /** After the context was lost and came back: everything on the device is made again. */
  restore(): void {
    this.textures = new SceneTextures(this.gl);
    this.projector = new Projector(this.gl);
    this.target = null;
    this.shown = null;
    if (this.splats !== null) this.textures.upload(this.splats, 0, this.splats.count);
    this.sorter.forget();
  }

  dispose(): void {
    this.sorter.dispose();
    this.textures.dispose();
    this.projector.dispose();
    this.target?.dispose();
  }

  private takeOrder(order: Uint32Array<ArrayBuffer>): void {
    this.projector.setOrder(order);
    this.shown = null;
  }

  private targetFor({ view, format }: Shot): Target {
    const { target } = this;
    if (target !== null && target.format === format && target.width === view.width && target.height === view.height) return target;
    target?.dispose();
    this.shown = null;
    this.target = new Target(this.gl, format, view.width, view.height);
    return this.target;
  }
}

/** Splats in one step: whole rows. */
function stepOf(count: number): number {
  return Math.max(1, Math.ceil(count / STEPS / PROJECTED_WIDTH)) * PROJECTED_WIDTH;
}

function sameShot(a: Shot, b: Shot): boolean {
  return a.shDegree === b.shDegree && a.budget === b.budget && a.format === b.format && sameView(a.view, b.view);
}
