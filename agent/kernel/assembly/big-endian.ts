/** Loads in network byte order, at any address. */

export function byteAt(at: usize): u32 {
  return load<u8>(at);
}

export function shortAt(at: usize): u32 {
  return bswap<u16>(load<u16>(at));
}

export function wordAt(at: usize): u32 {
  return bswap<u32>(load<u32>(at));
}
