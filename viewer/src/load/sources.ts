import { camerasOf } from "../cameras/cameras.ts";
import type { NamedCamera } from "../cameras/named_camera.ts";
import { carried } from "./carried.ts";

/** Bytes of a scene on their way. */
export interface Opened {
  stream: ReadableStream<Uint8Array>;
  /** Null where the server does not say. */
  total: number | null;
}

/** Where a scene comes from. */
export interface SceneSource {
  name: string;
  /** Of the file that it was made of, where a server has turned that into something the page reads. */
  original?: { bytes: number; format: string };
  open(signal: AbortSignal): Promise<Opened>;
}

/** What the page was opened with. */
export interface Opening {
  scenes: SceneSource[];
  cameras: NamedCamera[];
  /** Between the two scenes over their cameras, dB; null where nobody measured it, "pending" where someone does. */
  psnr: number | "pending" | null;
  /** What is wrong with the cameras, if anything. */
  fault?: string;
}

/** A scene that cannot be fetched. */
export class FetchFault extends Error {}

export const ofFile = (file: File | Blob, name: string): SceneSource => ({
  name,
  open: () => Promise.resolve({ stream: file.stream(), total: file.size }),
});

export const ofUrl = (url: string, name: string): SceneSource => ({
  name,
  async open(signal) {
    let response: Response;
    try {
      response = await fetch(url, { signal });
    } catch (error) {
      if (signal.aborted) throw error;
      throw new FetchFault(`${url}: expected an answer, found none; is the server running, and does it allow this page (CORS)?`);
    }
    if (!response.ok || !response.body) throw new FetchFault(`${url}: expected a file, found status ${response.status}`);
    const length = Number(response.headers.get("content-length"));
    return { stream: response.body, total: length > 0 && !response.headers.get("content-encoding") ? length : null };
  },
});

/** The last part of an address, for people. */
export function nameOf(url: string): string {
  const name = new URL(url, location.href).pathname.split("/").pop() || url;
  try {
    return decodeURIComponent(name);
  } catch {
    return name; // a "%" that stands for itself
  }
}

interface Entry {
  url?: string;
  name: string;
  /** Of the user's file. */
  bytes: number;
  format: string;
}

interface Description {
  a: Entry;
  b?: Entry | null;
  psnr?: number | null;
  psnr_pending?: boolean;
  cameras?: unknown[] | null;
}

/** What is inside this page, or what its address or its server names; nothing is sound, too. */
export async function opening(): Promise<Opening> {
  const inside = document.getElementById("gsz-scene");
  if (inside) return described(JSON.parse(inside.textContent || "{}") as Description);
  const query = new URLSearchParams(location.search);
  const urls = [query.get("file"), query.get("other")].filter((url): url is string => Boolean(url));
  if (urls.length > 0) {
    const scenes = urls.map((url) => ofUrl(url, nameOf(url)));
    try {
      return { scenes, cameras: await camerasFrom(query.get("cameras")), psnr: null };
    } catch (error) {
      return { scenes, cameras: [], psnr: null, fault: (error as Error).message };
    }
  }
  const description = await served();
  return description ? described(description) : { scenes: [], cameras: [], psnr: null };
}

/** The server's description of what it shows; null on a plain web server. */
export async function served(): Promise<Description | null> {
  if (!location.protocol.startsWith("http")) return null;
  const response = await fetch("./scene.json").catch(() => null);
  if (!response?.ok || !response.headers.get("content-type")?.includes("json")) return null;
  return (await response.json()) as Description;
}

async function camerasFrom(url: string | null): Promise<NamedCamera[]> {
  if (!url) return [];
  const response = await fetch(url).catch(() => null);
  if (!response?.ok) throw new FetchFault(`${url}: expected cameras, found ${response ? `status ${response.status}` : "no answer"}`);
  return camerasOf(await response.json(), nameOf(url));
}

function described(description: Description): Opening {
  const scenes = [description.a, description.b].flatMap((entry, i) => (entry ? [{ ...(inPage("ab"[i], entry.name) ?? ofUrl(entry.url ?? "", entry.name)), original: entry }] : []));
  const cameras = (description.cameras ?? []) as (NamedCamera & { worldToCamera: ArrayLike<number> })[];
  return {
    scenes,
    cameras: cameras.map((camera) => ({ ...camera, worldToCamera: Float64Array.from(camera.worldToCamera) })),
    psnr: description.psnr_pending ? "pending" : (description.psnr ?? null),
  };
}

/** A scene that the page carries in itself. */
function inPage(which: string, name: string): SceneSource | null {
  const bytes = carried(`gsz-scene-${which}`);
  return bytes && ofFile(new Blob([bytes]), name);
}
