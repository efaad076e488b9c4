import { describe, expect, test } from 'vitest';
import { HangUps } from '../../../agent/daemon/hang-ups.ts';

function receiving() {
  let send: () => void = () => undefined;
  const hangUps = new HangUps({
    onHangUp: (listener) => {
      send = listener;
    },
  });
  let reloads = 0;
  return { hangUps, send: () => send(), listen: () => hangUps.listen(() => reloads++), reloads: () => reloads };
}

describe('a hang-up', () => {
  test('reloads, each time', () => {
    const { listen, send, reloads } = receiving();
    listen();
    expect(reloads()).toBe(0);
    send();
    send();
    expect(reloads()).toBe(2);
  });

  test('before the service can reload is answered when it can, once for however many', () => {
    const { listen, send, reloads } = receiving();
    send();
    send();
    listen();
    expect(reloads()).toBe(1);
    send();
    expect(reloads()).toBe(2);
  });
});
