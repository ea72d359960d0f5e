/** A page that decodes: what decoding.mjs in this folder asks of it. */
import { FormatError } from "../../src/errors.ts";
import { decodeGsz, loadDecoder } from "../../src/decode/index.ts";
import { isChunk, readHead } from "../../src/decode/head.ts";
import type { Splats } from "../../src/splats.ts";

const ARRAYS = { means: "means", quats: "quats", log_scales: "logScales", opacity_logits: "opacityLogits", sh: "sh" } as const;

/** Checksums with the rows as the native decoder has them: block after block, in each layer after layer. */
async function checksums(bytes: Uint8Array<ArrayBuffer>, splats: Splats): Promise<Record<string, string>> {
  const head = readHead(bytes.subarray(0, new DataView(bytes.buffer).getUint32(8, true)));
  let row = 0;
  const chunks = head.sections.filter((s) => isChunk(s) && s.kind !== "harmonics").map((s) => ({ ...s, first: (row += s.splats) - s.splats }));
  const order = chunks.filter((s) => s.first + s.splats <= splats.count).sort((a, b) => a.block - b.block || a.layer - b.layer);
  const out: Record<string, string> = {};
  for (const [name, key] of Object.entries(ARRAYS)) {
    const width = splats.count ? splats[key].length / splats.count : 0;
    const rows = await new Blob(order.map((s) => splats[key].slice(width * s.first, width * (s.first + s.splats)))).arrayBuffer();
    out[name] = Array.from(new Uint8Array(await crypto.subtle.digest("SHA-256", rows)), (byte) => byte.toString(16).padStart(2, "0")).join("");
  }
  return out;
}

/** The file's first bytes, and after `release` the others. */
function heldBack(bytes: Uint8Array<ArrayBuffer>, first: number): { stream: ReadableStream<Uint8Array>; release: () => void } {
  let release!: () => void;
  const stream = new ReadableStream<Uint8Array>({
    async start(controller) {
      controller.enqueue(bytes.slice(0, first));
      await new Promise<void>((resolve) => (release = resolve));
      controller.enqueue(bytes.slice(first));
      controller.close();
    },
  });
  return { stream, release };
}

const harness = {
  /** The verdict on a file, as tests/verdicts.mjs gives it. */
  async verdict(url: string, partial: boolean): Promise<object> {
    const bytes = new Uint8Array(await (await fetch(url)).arrayBuffer());
    let splats!: Splats;
    try {
      await decodeGsz(new Blob([bytes]), { onSplats: (update) => (splats = update.splats) }, { partial });
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      return { kind: error.kind, field: error.field };
    }
    return { format: "gsz", splats: splats.count, antialiased: splats.antialiased, sha256: await checksums(bytes, splats) };
  },

  /** Milliseconds from the call until all is decoded, and after a tenth of the bytes until the first update. */
  async time(url: string): Promise<{ whole: number; first: number; firstSplats: number }> {
    const bytes = new Uint8Array(await (await fetch(url)).arrayBuffer());
    await loadDecoder();
    let start = performance.now();
    await decodeGsz(new Blob([bytes]), { onSplats() {} });
    const whole = performance.now() - start;
    const { stream, release } = heldBack(bytes, Math.round(bytes.length / 10));
    let first = 0;
    let firstSplats = 0;
    start = performance.now();
    await decodeGsz(stream, {
      onSplats({ splats }) {
        first ||= performance.now() - start;
        firstSplats ||= splats.count;
        release();
      },
    });
    return { whole, first, firstSplats };
  },
};

Object.assign(window, { harness });
