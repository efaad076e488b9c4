/** Rows and the lists of their word offsets (layout.ts). */
import { ROWS } from '../layout';

/** The address of the row that a list has at `index`. */
export function rowOf(members: usize, index: i32): usize {
  return ROWS + (load<u32>(members + (index << 2)) << 2);
}
