//go:build unix

package config

import (
	"io/fs"
	"syscall"
)

func identityOf(info fs.FileInfo) identity {
	id := identity{size: info.Size(), changed: info.ModTime()}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		id.inode = stat.Ino
	}
	return id
}
