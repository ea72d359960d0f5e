import { readColmapBinary, readColmapText } from "./colmap.ts";
import { CameraFault, MOST_CAMERAS, type NamedCamera } from "./named_camera.ts";

/** Cameras of dropped files: cameras.json of a trained scene, transforms.json, or COLMAP's cameras and images (.bin or .txt); null where none is. */
export async function readCameras(files: readonly File[]): Promise<NamedCamera[] | null> {
  const named = (name: string): File | undefined => files.find((f) => f.name.toLowerCase() === name);
  for (const ending of ["bin", "txt"] as const) {
    const [intrinsics, images] = [named(`cameras.${ending}`), named(`images.${ending}`)];
    if (!intrinsics && !images) continue;
    if (!intrinsics || !images) throw new CameraFault(`COLMAP: expected cameras.${ending} and images.${ending} together, found one of them; drop both at once`);
    if (ending === "txt") return readColmapText(await intrinsics.text(), await images.text());
    return readColmapBinary(await intrinsics.arrayBuffer(), await images.arrayBuffer());
  }
  const json = files.find((f) => f.name.toLowerCase().endsWith(".json"));
  return json ? camerasOf(parsed(json.name, await json.text()), json.name) : null;
}

function parsed(name: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new CameraFault(`${name}: expected JSON, found text that is none (${(error as Error).message})`);
  }
}

/** Cameras of parsed JSON: INRIA's cameras.json, a list, or NeRF's transforms.json, an object with `frames`. */
export function camerasOf(data: unknown, name: string): NamedCamera[] {
  if (Array.isArray(data)) return data.slice(0, MOST_CAMERAS).map((entry, i) => inria(entry, `${name}[${i}]`));
  const frames = (data as { frames?: unknown } | null)?.frames;
  if (Array.isArray(frames)) return frames.slice(0, MOST_CAMERAS).map((frame, i) => nerf(data as Fields, frame, `${name}: frames[${i}]`));
  throw new CameraFault(`${name}: expected a list of cameras or an object with frames, found neither`);
}

type Fields = Record<string, unknown>;

function number(fields: Fields, key: string, where: string): number {
  const value = fields[key];
  if (typeof value !== "number" || !Number.isFinite(value)) throw new CameraFault(`${where}.${key}: expected a finite number, found ${JSON.stringify(value)}`);
  return value;
}

function matrix(fields: Fields, key: string, rows: number, columns: number, where: string): number[][] {
  const value = fields[key];
  const sound = Array.isArray(value) && value.length >= rows && value.slice(0, rows).every(
    (row) => Array.isArray(row) && row.length >= columns && row.slice(0, columns).every((v) => typeof v === "number" && Number.isFinite(v)),
  );
  if (!sound) throw new CameraFault(`${where}.${key}: expected ${rows} by ${columns} finite numbers, found others`);
  return value as number[][];
}

/** `rotation` has the camera's axes as columns, `position` is its centre. */
function inria(entry: unknown, where: string): NamedCamera {
  const fields = (entry ?? {}) as Fields;
  const rotation = matrix(fields, "rotation", 3, 3, where);
  const [position] = matrix({ position: [fields.position] }, "position", 1, 3, where);
  const [width, height] = [number(fields, "width", where), number(fields, "height", where)];
  const [fx, fy] = [number(fields, "fx", where), number(fields, "fy", where)];
  const rows = [0, 1, 2].map((axis) => rotation.map((row) => row[axis]));
  return {
    name: String(fields.img_name ?? fields.id ?? ""),
    worldToCamera: worldToCamera(rows, position),
    fx, fy, cx: width / 2, cy: height / 2, width, height,
  };
}

/** camera-to-world of OpenGL: y up, z backwards. */
function nerf(shared: Fields, frame: unknown, where: string): NamedCamera {
  const own = (frame ?? {}) as Fields;
  const fields = { ...shared, ...own };
  const m = matrix(own, "transform_matrix", 3, 4, where);
  const rows = [0, 1, 2].map((axis) => m.slice(0, 3).map((row) => (axis === 0 ? row[0] : -row[axis])));
  const size = (key: string, focal: string): number => {
    if (typeof fields[key] === "number") return number(fields, key, where);
    return typeof fields[focal] === "number" ? 1.2 * number(fields, focal, where) : 800;
  };
  const [width, height] = [size("w", "fl_x"), size("h", "fl_y")];
  const fx = typeof fields.fl_x === "number" ? number(fields, "fl_x", where) : width / 2 / Math.tan(number(fields, "camera_angle_x", where) / 2);
  const fy = typeof fields.fl_y === "number" ? number(fields, "fl_y", where) : fx;
  const name = String(own.file_path ?? "");
  return { name, worldToCamera: worldToCamera(rows, m.slice(0, 3).map((row) => row[3])), fx, fy, cx: width / 2, cy: height / 2, width, height };
}

/** From the camera's axes in the world, a row each, and its centre. */
export function worldToCamera(rows: readonly (readonly number[])[], centre: readonly number[]): Float64Array {
  const full = rows.flatMap((row) => [row[0], row[1], row[2], -(row[0] * centre[0] + row[1] * centre[1] + row[2] * centre[2])]);
  return Float64Array.from([...full, 0, 0, 0, 1]);
}
