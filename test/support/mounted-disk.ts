/** File systems of their own for folders of a test, which may fill, freeze, damage or cut them off from power. Gone with the test. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import { onTestFinished } from 'vitest';

const DISK_BYTES = 64 * 1024 ** 2;

/** Makes a small ext4 disk in the file `image`, and the folder on which it is mounted. */
export function makeDisk(image: string, folder: string, ...options: readonly string[]): void {
  writeFileSync(image, '');
  truncateSync(image, DISK_BYTES);
  execFileSync('mkfs.ext4', ['-q', image]);
  mkdirSync(folder);
  mountDisk(image, folder, ...options);
}

export function mountDisk(image: string, folder: string, ...options: readonly string[]): void {
  mountOn(folder, '-o', ['loop', ...options].join(), image);
}

/** A file system in memory of so many bytes. */
export function mountMemory(bytes: number, folder: string): void {
  mountOn(folder, '-t', 'tmpfs', '-o', `size=${bytes}`, 'none');
}

function mountOn(folder: string, ...words: readonly string[]): void {
  execFileSync('mount', [...words, folder]);
  onTestFinished(() => void execFileSync('umount', ['--lazy', folder]));
}
