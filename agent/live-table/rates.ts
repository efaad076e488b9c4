import { humanCount } from '../record/human.ts';

/** `950`, `1.2 k`, `34.5 M`: the title says of what. */
export function bitRate(bits: number): string {
  const units = ['', 'k', 'M', 'G', 'T'];
  let value = bits;
  let unit = 0;
  while (value >= 999.95 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return unit === 0 ? `${Math.round(value)} ` : `${value.toFixed(1)} ${units[unit]}`;
}

export function packetRate(packets: number): string {
  return packets > 0 && packets < 10 ? packets.toFixed(1) : humanCount(Math.round(packets));
}
