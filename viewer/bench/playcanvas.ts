/** The same scene and cameras in PlayCanvas' engine, as a page that only follows its documentation would show them. */
import * as pc from "playcanvas";
import type { Camera } from "../src/camera.ts";
import type { Splats } from "../src/splats.ts";

export class PlayCanvas {
  private readonly app: pc.AppBase;
  private readonly eye: pc.Entity;
  private camera!: Camera;

  static async create(canvas: HTMLCanvasElement, minPixelSize: number): Promise<PlayCanvas> {
    const device = await pc.createGraphicsDevice(canvas, { deviceTypes: ["webgl2"], antialias: false });
    const app = new pc.AppBase(canvas);
    const options = new pc.AppOptions();
    options.graphicsDevice = device;
    options.componentSystems = [pc.CameraComponentSystem, pc.GSplatComponentSystem];
    options.resourceHandlers = [];
    app.init(options);
    app.scene.gsplat.minPixelSize = minPixelSize;
    // Frames are drawn when they are asked for.
    (app as unknown as { requestAnimationFrame: () => void }).requestAnimationFrame = () => {};
    app.start();
    return new PlayCanvas(app);
  }

  private constructor(app: pc.AppBase) {
    this.app = app;
    this.eye = new pc.Entity("eye");
    this.eye.addComponent("camera", { clearColor: new pc.Color(0, 0, 0, 1), nearClip: 0.01, farClip: 1000 });
    this.eye.camera!.calculateProjection = (matrix) => {
      const { fx, fy, cx, cy, width, height } = this.camera;
      const near = 0.01;
      matrix.setFrustum((-cx / fx) * near, ((width - cx) / fx) * near, ((cy - height) / fy) * near, (cy / fy) * near, near, 1000);
    };
    app.root.addChild(this.eye);
  }

  setScene(splats: Splats): void {
    const { count, means, quats, logScales, opacityLogits, sh, shDegree } = splats;
    const columns: [string, Float32Array, number, number][] = [
      ...["x", "y", "z"].map((name, k) => [name, means, 3, k] as [string, Float32Array, number, number]),
      ...[0, 1, 2].map((k) => [`f_dc_${k}`, sh, sh.length / count, k] as [string, Float32Array, number, number]),
      ["opacity", opacityLogits, 1, 0],
      ...[0, 1, 2].map((k) => [`scale_${k}`, logScales, 3, k] as [string, Float32Array, number, number]),
      ...[0, 1, 2, 3].map((k) => [`rot_${k}`, quats, 4, k] as [string, Float32Array, number, number]),
    ];
    const rest = (shDegree + 1) ** 2 - 1;
    for (let c = 0; c < 3; c++)
      for (let k = 0; k < rest; k++) columns.push([`f_rest_${c * rest + k}`, sh, sh.length / count, 3 * (k + 1) + c]);
    const properties = columns.map(([name, from, width, at]) => {
      const storage = new Float32Array(count);
      for (let i = 0; i < count; i++) storage[i] = from[i * width + at];
      return { type: "float", name, storage, byteSize: 4 };
    });
    const data = new pc.GSplatData([{ name: "vertex", count, properties }] as never);
    data.reorderData();
    const entity = new pc.Entity("splats");
    entity.addComponent("gsplat", { resource: new pc.GSplatResource(this.app.graphicsDevice, data) });
    this.app.root.addChild(entity);
  }

  draw(camera: Camera): void {
    this.camera = camera;
    const m = camera.worldToCamera;
    // Camera to world, with y up and z backward.
    const rotation = new pc.Mat4();
    rotation.data.set([m[0], m[1], m[2], 0, -m[4], -m[5], -m[6], 0, -m[8], -m[9], -m[10], 0, 0, 0, 0, 1]);
    const position = [0, 1, 2].map((k) => -(m[k] * m[3] + m[4 + k] * m[7] + m[8 + k] * m[11]));
    this.eye.setLocalPosition(position[0], position[1], position[2]);
    this.eye.setLocalRotation(new pc.Quat().setFromMat4(rotation));
    this.app.graphicsDevice.setResolution(camera.width, camera.height);
    (this.app as unknown as { tick: (time: number) => void }).tick(performance.now());
  }

  get gl(): WebGL2RenderingContext {
    return (this.app.graphicsDevice as pc.WebglGraphicsDevice).gl;
  }
}
