/** Damaged copies from a small generator with a fixed seed: a finding can be found again. */
let state = 0x2545f491;

/** Answers 0 to below - 1. */
export function random(below) {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return (state >>> 0) % below;
}

export function damaged(bytes) {
  const copy = Buffer.from(bytes.subarray(0, random(8) === 0 ? random(bytes.length + 1) : bytes.length));
  /* Near the front, where the lengths and block types of the first records are, more often than not. */
  const reach = random(2) === 0 ? Math.min(copy.length, 200) : copy.length;
  for (let i = 0; i < 1 + random(4) && reach > 0; i++) copy[random(reach)] = random(4) === 0 ? 0xff : random(256);
  return copy;
}
