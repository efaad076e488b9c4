/** Words that name interfaces without being a name. */
export const DEFAULT_INTERFACE = 'default';

/** Whether the text may stand for several interfaces: `eth*`, `veth?`. `any` is one device of the kernel. */
export function isInterfacePattern(text: string): boolean {
  return /[*?]/.test(text);
}

/** Whether `name` matches the pattern, in which `*` is any text and `?` any one character. */
export function matchesInterface(pattern: string, name: string): boolean {
  const escaped = pattern
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${escaped}$`, 'u').test(name);
}
