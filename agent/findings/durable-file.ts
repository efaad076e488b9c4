import { open, rename } from 'node:fs/promises';
import { dirname } from 'node:path';

const OWNERS = 0o600;

/** Replaces a small file: a crash leaves the old one or the new one, whole. */
export async function replaceDurably(path: string, text: string): Promise<void> {
  const fresh = `${path}.new`;
  const file = await open(fresh, 'w', OWNERS);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(fresh, path);
  const folder = await open(dirname(path), 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
