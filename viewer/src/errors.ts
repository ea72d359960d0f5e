export type FaultKind = "bad magic" | "truncated" | "corrupt" | "unsupported";

/** What is wrong with a file, as plain data that goes from thread to thread. */
export interface Fault {
  kind: FaultKind;
  /** Field, section or chunk that is wrong. */
  field: string;
  expected: string;
  found: string;
}

/** The one error that reading a file ends with, whatever its bytes are; the message is for the reader of the page. */
export class FormatError extends Error implements Fault {
  readonly kind: FaultKind;
  readonly field: string;
  readonly expected: string;
  readonly found: string;

  constructor({ kind, field, expected, found }: Fault) {
    super(`${field}: expected ${expected}, found ${found}`);
    this.name = "FormatError";
    this.kind = kind;
    this.field = field;
    this.expected = expected;
    this.found = found;
  }

  get fault(): Fault {
    const { kind, field, expected, found } = this;
    return { kind, field, expected, found };
  }
}
