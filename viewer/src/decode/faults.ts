/** What is wrong with a file, in the words of `gscompress.errors`: as it was for the decoder in Python. */
export class FormatFault extends Error {
  readonly kind: "bad magic" | "truncated" | "corrupt" | "unsupported";
  readonly field: string;
  readonly expected: string;
  readonly found: string;

  constructor(kind: FormatFault["kind"], field: string, expected: string, found: string) {
    super(`${field}: expected ${expected}, found ${found}`);
    this.name = "FormatFault";
    [this.kind, this.field, this.expected, this.found] = [kind, field, expected, found];
  }
}

/** By the numbers of cuda/core/codec/faults.hpp. */
export const KINDS = ["bad magic", "truncated", "corrupt", "unsupported"] as const;
