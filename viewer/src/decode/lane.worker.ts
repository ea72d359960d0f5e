/** A lane in a worker. */
import { LaneWork, type Reply, type Request } from "./lane.ts";

const scope = self as unknown as { postMessage(reply: Reply, transfer: Transferable[]): void; onmessage: ((event: MessageEvent<Request>) => void) | null };
const work = new LaneWork((reply) => scope.postMessage(reply, reply.kind === "values" ? [reply.values.buffer] : []));
scope.onmessage = ({ data }) => work.take(data);
