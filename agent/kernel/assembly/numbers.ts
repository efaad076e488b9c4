/** What JavaScript stores of a number in an Int32Array: its whole part modulo 2^32, and 0 of what is no finite number. */
export function toInt32(number: f64): i32 {
  if (Math.abs(number) < 2_147_483_648) return <i32>number;
  const whole = trunc(number);
  return <i32>(<i64>(whole - trunc(whole / 4_294_967_296) * 4_294_967_296));
}
