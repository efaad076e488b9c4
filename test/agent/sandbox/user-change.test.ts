import { chownSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { loadCaptureAddon } from '../../../agent/native/addon.ts';
import { chooseAccount } from '../../../agent/sandbox/account.ts';
import { changeUser } from '../../../agent/sandbox/user-change.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const addon = loadCaptureAddon();
const USERS = {
  userNamed: (name: string) => (name === 'flowlogd' ? { uid: 997, gid: 996 } : undefined),
  isIdTaken: () => false,
};
const NO_USERS = { ...USERS, userNamed: () => undefined };

describe('the user that root becomes', () => {
  test('is the one of the configuration, else the one of the package', () => {
    expect(chooseAccount(USERS, undefined, '/var/lib/flowlogd')).toEqual({ uid: 997, gid: 996, label: 'flowlogd' });
    const named = { ...USERS, userNamed: () => ({ uid: 5, gid: 6 }) };
    expect(chooseAccount(named, 'games', '/var/lib/flowlogd')).toEqual({ uid: 5, gid: 6, label: 'games' });
    expect(() => chooseAccount(USERS, 'nobody-here', '/x')).toThrow(/unknown user 'nobody-here'; create it/);
  });

  test('is a free number where there is none, the same for the same state', () => {
    const first = chooseAccount(NO_USERS, undefined, '/var/lib/flowlogd');
    expect(first.uid).toBeGreaterThanOrEqual(60_706);
    expect(first.uid).toBeLessThanOrEqual(61_183);
    expect(chooseAccount(NO_USERS, undefined, '/var/lib/flowlogd')).toEqual(first);
    const taken = { ...NO_USERS, isIdTaken: (id: number) => id === first.uid };
    expect(chooseAccount(taken, undefined, '/var/lib/flowlogd').uid).not.toBe(first.uid);
    expect(() => chooseAccount({ ...NO_USERS, isIdTaken: () => true }, undefined, '/x')).toThrow(/name a user/);
  });

  test.skipIf(process.getuid!() !== 0)('is the owner of the state where that is a number without a name', () => {
    const folder = temporaryFolder();
    chownSync(folder, 63_721, 63_722);
    expect(chooseAccount(USERS, undefined, folder)).toEqual({ uid: 63_721, gid: 63_722, label: '63721' });
    chownSync(folder, 1000, 1000);
    expect(chooseAccount(USERS, undefined, folder).uid).toBe(997);
  });

  test('is none where it cannot reach what the agent needs, or where root was asked for', () => {
    const needs = {
      user: undefined,
      folders: ['/var/lib/flowlogd'],
      files: ['/etc/flowlogd/keys'],
      runtimeFolder: undefined,
    };
    const blind = {
      ...USERS,
      firstOutOfReach: (_uid: number, _gid: number, paths: readonly string[]) => paths.indexOf('/etc/flowlogd/keys'),
    };
    const reason = 'user flowlogd cannot read /etc/flowlogd/keys';
    expect(changeUser(blind, needs)).toEqual({ account: undefined, reason, handedOver: 0 });
    expect(changeUser(blind, { ...needs, user: 'root' })).toEqual({ account: undefined, reason: null, handedOver: 0 });
    expect(() => changeUser(blind, { ...needs, user: 'flowlogd' })).toThrow(`user: cannot run as flowlogd: ${reason}.`);
  });
});

describe.skipIf(process.getuid!() !== 0)('what a user can reach', () => {
  test('is found out as that user', () => {
    const folder = temporaryFolder();
    expect(addon.firstOutOfReach(61_001, 61_001, ['/', '/etc/passwd', folder], [5, 4, 1])).toBe(2);
    expect(addon.firstOutOfReach(61_001, 61_001, ['/', '/etc/passwd'], [5, 2])).toBe(1);
    expect(addon.firstOutOfReach(61_001, 61_001, ['/', '/etc/passwd'], [5, 4])).toBe(-1);
    chownSync(folder, 61_001, 0);
    expect(addon.firstOutOfReach(61_001, 61_001, [folder], [7])).toBe(-1);
    expect(process.getuid!()).toBe(0);
  });

  test('takes users of this host', () => {
    expect(addon.userNamed('root')).toEqual({ uid: 0, gid: 0 });
    expect(addon.userNamed('no-such-user')).toBeUndefined();
    expect([addon.isIdTaken(0), addon.isIdTaken(61_182)]).toEqual([true, false]);
  });
});
