import { describe, expect, test } from 'vitest';
import { chooseEngine } from '../../../agent/capture/choose-engine.ts';
import { LIVE_ENGINE_NAMES } from '../../../agent/capture/engines.ts';

describe('the choice of an engine', () => {
  test.each(LIVE_ENGINE_NAMES)('takes %s by its name, whatever the host has', (engine) => {
    expect(chooseEngine(engine, () => 'not here')).toEqual({ engine, engineLimit: undefined });
  });

  test('takes the ring where there is one, and says why where there is none', () => {
    expect(chooseEngine('auto', () => undefined)).toEqual({ engine: 'ring', engineLimit: undefined });
    expect(chooseEngine('auto', () => 'Protocol not available')).toEqual({
      engine: 'libpcap',
      engineLimit: 'no packet rings here (Protocol not available); capturing through libpcap',
    });
  });

  test('finds on this host the ring', () => {
    expect(chooseEngine('auto')).toEqual({ engine: 'ring', engineLimit: undefined });
  });
});
