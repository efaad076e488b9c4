/** Random bytes of the kernel, see random(4): what node:crypto gives as well, which takes longer to load than a small replay takes. */
import { randomFillSync } from 'node:crypto';
import { closeSync, openSync, readSync } from 'node:fs';

export function fillRandomly<Words extends NodeJS.ArrayBufferView>(words: Words): Words {
  try {
    const device = openSync('/dev/urandom', 'r');
    try {
      if (readSync(device, words) === words.byteLength) return words;
    } finally {
      closeSync(device);
    }
  } catch {
    // A container may have no devices.
  }
  return randomFillSync(words);
}
