import type { Splats } from "../splats.ts";
import type { BlendPass } from "./blend_pass.ts";
import type { GL } from "./gl.ts";
import { type ProjectPass, Projector } from "./project_pass.ts";
import { SceneTextures } from "./scene_textures.ts";
import { Sorter } from "./sorter.ts";
import { Target } from "./target.ts";
import { sameView, type View } from "./view.ts";

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
}

/** One slot: a scene, its order and its latest image. */
export class Layer {
  private gl: GL;
  private splats: Splats | null = null;
  private textures: SceneTextures;
  private projector: Projector;
  private target: Target | null = null;
  /** What `target` shows; null when it is out of date. */
  private shown: Shot | null = null;
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

  get scene(): Splats | null {
    return this.splats;
  }

  /** @throws RangeError if the scene is too large for the device; the slot is then empty. */
  setScene(splats: Splats | null, keep: number, capacity: number): void {
    const kept = this.splats === null ? 0 : Math.min(keep, this.splats.count, splats?.count ?? 0);
    this.splats = null;
    this.shown = null;
    if (splats !== null) this.textures.upload(splats, kept, capacity);
    else this.textures.dispose();
    this.splats = splats;
    this.sorter.setScene(splats, kept);
    // An order of splats that are all still there stays good enough until its successor comes.
    if (kept === 0) this.takeOrder(new Uint32Array(0));
  }

  /** @param exact sorts on this thread first, so that the image is the one of this view. */
  image({ project, blend }: Passes, shot: Shot, exact: boolean): Target {
    const { view, budget } = shot;
    if (exact) this.takeOrder(this.sorter.sortNow(view, budget));
    else this.sorter.request(view, budget);
    const target = this.targetFor(shot);
    if (this.shown !== null && sameShot(this.shown, shot)) return target;
    if (this.splats !== null && this.projector.count > 0) {
      const degree = Math.min(shot.shDegree, this.splats.shDegree);
      blend.blend(this.projector.project(project, this.textures, view, degree, this.splats.antialiased), target);
    } else blend.clear(target);
    this.shown = shot;
    return target;
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

function sameShot(a: Shot, b: Shot): boolean {
  return a.shDegree === b.shDegree && a.budget === b.budget && a.format === b.format && sameView(a.view, b.view);
}
