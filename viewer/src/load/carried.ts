/** Bytes of an element in base64; null where the page has none of that name. */
export function carried(id: string): Uint8Array<ArrayBuffer> | null {
  const text = document.getElementById(id)?.textContent?.trim();
  return text ? Uint8Array.from(atob(text), (c) => c.charCodeAt(0)) : null;
}
