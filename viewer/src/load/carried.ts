/** Bytes of an element in base64; null where the page has none of that name. */
export function carried(id: string): Uint8Array<ArrayBuffer> | null {
  const text = document.getElementById(id)?.textContent?.trim();
  if (!text) return null;
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length); // not by `from`, which lists every character first
  for (let i = 0; i < bytes.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}
