/*
 * Cuts an ext4 file system off from its disk as a power cut would: from here on nothing reaches the disk, its journal included.
 * The folder is anywhere on it. See ext4(5) in the kernel's sources: EXT4_IOC_SHUTDOWN with EXT4_GOING_FLAGS_NOLOGFLUSH.
 */
#include <fcntl.h>
#include <linux/types.h>
#include <stdio.h>
#include <sys/ioctl.h>

#define SHUTDOWN _IOR('X', 125, __u32)
#define WITHOUT_FLUSHING_THE_LOG 2

int main(int argc, char **argv) {
  __u32 how = WITHOUT_FLUSHING_THE_LOG;
  if (argc != 2) return 64;
  int folder = open(argv[1], O_RDONLY | O_DIRECTORY);
  if (folder < 0 || ioctl(folder, SHUTDOWN, &how) != 0) {
    perror("cut-power");
    return 1;
  }
  return 0;
}
