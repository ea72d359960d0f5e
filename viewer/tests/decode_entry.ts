export { Assembly } from "../src/decode/assembly.ts";
export { BlockQueue } from "../src/decode/block_queue.ts";
export { ByteReader } from "../src/decode/byte_reader.ts";
export { Decoder, LEAST_HEAD } from "../src/decode/decoder.ts";
export { FormatFault } from "../src/decode/faults.ts";
export { readPly } from "../src/formats/ply.ts";
export { looksLikeSplat, readSplat } from "../src/formats/splat.ts";
