/** What the snapshot of a ledger carries over a kill beside the packets, which are in the slots. */
import { expect, test } from 'vitest';
import { EXCLUDE_DEFAULTS, Exclusion } from '../../../agent/packet/exclusion.ts';
import { findLeftWindows, journalIn } from '../../support/persisted-windows.ts';
import { TappedInterface } from '../../support/tapping.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

test('a window that was open at the kill has the packets that came before its capture began', async () => {
  const folder = temporaryFolder();
  const { ruleNames } = new Exclusion(EXCLUDE_DEFAULTS);
  const tapped = new TappedInterface({
    journal: journalIn({ folder, ruleNames }),
    clock: { seconds: 70 },
    appearedAtSeconds: 61,
    packetsOf: () => 9,
  });
  tapped.engine.received = 2;
  tapped.tap.attach();
  await tapped.round(71);
  const [{ ledger }] = findLeftWindows(folder).windows as [ReturnType<typeof findLeftWindows>['windows'][number]];
  expect(ledger).toMatchObject({ beforeAttach: 7, metered: { packets: 0 } });
  expect(ledger.gaps[0]).toEqual({ fromSeconds: 61, toSeconds: 70, reason: 'before-attach' });
});
