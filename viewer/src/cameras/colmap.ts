import { CameraFault, MOST_CAMERAS, type NamedCamera } from "./named_camera.ts";

/** COLMAP's camera models: how many parameters they have, and whether both focal lengths are one. */
const MODELS: Record<string, [id: number, parameters: number, single: boolean]> = {
  SIMPLE_PINHOLE: [0, 3, true], PINHOLE: [1, 4, false], SIMPLE_RADIAL: [2, 4, true], RADIAL: [3, 5, true], OPENCV: [4, 8, false],
  OPENCV_FISHEYE: [5, 8, false], FULL_OPENCV: [6, 12, false], FOV: [7, 5, false], SIMPLE_RADIAL_FISHEYE: [8, 4, true],
  RADIAL_FISHEYE: [9, 5, true], THIN_PRISM_FISHEYE: [10, 12, false],
};

interface Intrinsics {
  fx: number;
  fy: number;
  width: number;
  height: number;
}

function intrinsics(single: boolean, parameters: readonly number[], width: number, height: number): Intrinsics {
  return { fx: parameters[0], fy: parameters[single ? 0 : 1], width, height };
}

/** From a quaternion wxyz and a translation, world to camera. Lenses are left out: the view is a pinhole's. */
function camera(name: string, q: readonly number[], t: readonly number[], lens: Intrinsics): NamedCamera {
  const size = Math.hypot(...q) || 1;
  const [w, x, y, z] = q.map((v) => v / size);
  const m = [
    1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y), t[0],
    2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x), t[1],
    2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y), t[2],
    0, 0, 0, 1,
  ];
  if (![...m, lens.fx, lens.fy].every(Number.isFinite)) throw new CameraFault(`COLMAP: image ${name}: expected finite numbers, found others`);
  return { name, worldToCamera: Float64Array.from(m), ...lens, cx: lens.width / 2, cy: lens.height / 2 };
}

function found<T>(lenses: Map<number, T>, id: number, name: string): T {
  const lens = lenses.get(id);
  if (!lens) throw new CameraFault(`COLMAP: image ${name}: expected one of the cameras of the camera file, found ${id}`);
  return lens;
}

/** cameras.txt and images.txt. */
export function readColmapText(cameraText: string, imageText: string): NamedCamera[] {
  const lines = (text: string): string[] => text.split("\n").map((line) => line.trim()).filter((line) => !line.startsWith("#"));
  const lenses = new Map<number, Intrinsics>();
  for (const line of lines(cameraText)) {
    if (!line) continue;
    const [id, model, width, height, ...parameters] = line.split(/\s+/);
    const kind = MODELS[model];
    if (!kind) throw new CameraFault(`cameras.txt: expected a camera model such as PINHOLE, found ${model}`);
    lenses.set(Number(id), intrinsics(kind[2], parameters.map(Number), Number(width), Number(height)));
  }
  const out: NamedCamera[] = [];
  const rows = lines(imageText); // two lines an image, the second may be empty
  for (let i = 0; i < rows.length && out.length < MOST_CAMERAS; i += 2) {
    const fields = rows[i].split(/\s+/);
    if (fields.length < 10) continue;
    const values = fields.slice(1, 9).map(Number);
    const name = fields.slice(9).join(" ");
    out.push(camera(name, values.slice(0, 4), values.slice(4, 7), found(lenses, values[7], name)));
  }
  return out;
}

/** cameras.bin and images.bin. */
export function readColmapBinary(cameraBytes: ArrayBuffer, imageBytes: ArrayBuffer): NamedCamera[] {
  const reader = new Reader("cameras.bin", cameraBytes);
  const lenses = new Map<number, Intrinsics>();
  for (let n = reader.count(); n > 0; n--) {
    const [id, model] = [reader.int(), reader.int()];
    const kind = Object.values(MODELS).find(([own]) => own === model);
    if (!kind) throw new CameraFault(`cameras.bin: expected a camera model of 0 to 10, found ${model}`);
    const [width, height] = [reader.count(), reader.count()];
    lenses.set(id, intrinsics(kind[2], reader.doubles(kind[1]), width, height));
  }
  const images = new Reader("images.bin", imageBytes);
  const out: NamedCamera[] = [];
  for (let n = Math.min(images.count(), MOST_CAMERAS); n > 0; n--) {
    images.int();
    const pose = images.doubles(7);
    const id = images.int();
    const name = images.text();
    images.skip(24 * images.count());
    out.push(camera(name, pose.slice(0, 4), pose.slice(4), found(lenses, id, name)));
  }
  return out;
}

class Reader {
  readonly #view: DataView;
  readonly #name: string;
  #at = 0;

  constructor(name: string, bytes: ArrayBuffer) {
    this.#name = name;
    this.#view = new DataView(bytes);
  }

  skip(size: number): number {
    const at = this.#at;
    if (!(size >= 0 && at + size <= this.#view.byteLength)) {
      throw new CameraFault(`${this.#name}: expected ${size} bytes more at ${at}, found ${this.#view.byteLength - at}`);
    }
    this.#at += size;
    return at;
  }

  int(): number {
    return this.#view.getUint32(this.skip(4), true);
  }

  count(): number {
    return Number(this.#view.getBigUint64(this.skip(8), true));
  }

  doubles(count: number): number[] {
    const at = this.skip(8 * count);
    return Array.from({ length: count }, (_, i) => this.#view.getFloat64(at + 8 * i, true));
  }

  text(): string {
    const codes: number[] = [];
    for (let code = this.#view.getUint8(this.skip(1)); code !== 0; code = this.#view.getUint8(this.skip(1))) codes.push(code);
    return new TextDecoder().decode(Uint8Array.from(codes));
  }
}
