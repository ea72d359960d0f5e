import { ABOUT, ANCHORS, BASIS, CONDITION, GEOMETRY, HARMONICS, NETWORKS, type Section } from "../decode/decoder.ts";
import type { SceneFacts } from "../ui/panels.ts";

const NAMES: Record<number, string> = {
  [BASIS]: "basis", [GEOMETRY]: "geometry", [HARMONICS]: "harmonics", [ANCHORS]: "anchors", [NETWORKS]: "networks", [CONDITION]: "condition", [ABOUT]: "about",
};

/** Sections of a kind together, in the order of the file; the header first. */
export function sectionsOf(sections: readonly Section[]): SceneFacts["sections"] {
  const out = new Map<string, { name: string; count: number; bytes: number }>();
  out.set("header", { name: "header", count: 1, bytes: sections[0]?.offset ?? 0 });
  for (const section of sections) {
    const name = NAMES[section.type] ?? "other";
    const known = out.get(name) ?? { name, count: 0, bytes: 0 };
    out.set(name, { name, count: known.count + 1, bytes: known.bytes + section.size });
  }
  return [...out.values()];
}
