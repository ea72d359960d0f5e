/** A lane in a worker: of a scene's blocks or of a sequence's frames. */
import { FrameWork, type FrameReply, type FrameRequest } from "./frame_lane.ts";
import { LaneWork, type Reply, type Request } from "./lane.ts";

const scope = self as unknown as {
  postMessage(reply: Reply | FrameReply, transfer: Transferable[]): void;
  onmessage: ((event: MessageEvent<Request | FrameRequest>) => void) | null;
};
const work = new LaneWork((reply) => scope.postMessage(reply, reply.kind === "values" ? [reply.values.buffer] : []));
const frames = new FrameWork((reply) => scope.postMessage(reply, reply.kind === "frame" ? [reply.splats.means.buffer] : []));
scope.onmessage = ({ data }) => (data.kind === "sequence" || data.kind === "frame" ? frames.take(data) : work.take(data));
