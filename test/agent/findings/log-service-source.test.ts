import { expect, test } from 'vitest';
import { LogServiceSource } from '../../../agent/findings/log-service-source.ts';

test('whoever stops while the log service still starts waits for it no longer', async () => {
  const credentials = { secretId: 'id', secretKey: 'key' };
  const started = new Promise<void>(() => undefined);
  const source = new LogServiceSource(
    { storeFolder: '/store', socketPath: '/store/socket', credentials, started },
    Date.now,
  );
  const controller = new AbortController();
  const following = source.after(undefined, controller.signal);
  controller.abort();
  await expect(following).rejects.toThrow('stopped before the log service started');
  await expect(source.after(undefined, controller.signal)).rejects.toThrow('stopped before');
  source.close();
});
