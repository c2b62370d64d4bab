// SPDX-License-Identifier: BSD-3-Clause

package bdev

import (
	"context"
	"errors"
	"slices"

	"github.com/gospdk/gospdk/thread"
)

// Stats returns the channel's own account. On its thread.
func (c *UserChannel) Stats() Stats { return c.stats.public(c.d.info.BlockSize).Ops }

// Stats returns the accounts of all users of a device since it was registered
// or since they were reset.
func (r *Registry) Stats(ctx context.Context, name string) (Stats, error) {
	a, err := r.Account(ctx, name, ResetNone)
	return a.Ops, err
}

// ResetStats starts the accounts of a device anew.
func (r *Registry) ResetStats(ctx context.Context, name string) error {
	_, err := r.Account(ctx, name, ResetAll)
	return err
}

// Account returns the account of all users of a device, and resets it as told.
func (r *Registry) Account(ctx context.Context, name string, reset StatsReset) (Account, error) {
	d, err := r.find(name)
	if err != nil {
		return Account{}, err
	}
	var sum account
	sum.init()
	err = d.onChannels(ctx, func(k *channel) error {
		part := k.collect(reset)
		sum.add(&part)
		return nil
	})
	if err != nil {
		return Account{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	sum.add(&d.past)
	d.past.reset(reset)
	return sum.public(d.info.BlockSize), nil
}

// ThreadAccount is the account of the users of one thread.
type ThreadAccount struct {
	Thread *thread.Thread
	Account
}

// ThreadAccounts returns the accounts of the users of a device by thread, and
// resets them as told. Those who have left are not among them.
func (r *Registry) ThreadAccounts(ctx context.Context, name string, reset StatsReset) ([]ThreadAccount, error) {
	d, err := r.find(name)
	if err != nil {
		return nil, err
	}
	var all []ThreadAccount
	err = d.onChannels(ctx, func(k *channel) error {
		part := k.collect(reset)
		all = append(all, ThreadAccount{k.t, part.public(d.info.BlockSize)})
		return nil
	})
	return all, err
}

// onChannels runs fn on the thread of each of the device's channels, one
// after the other. A channel that is opened meanwhile is left out, unless
// opening it looks at what the caller has changed before.
func (d *disk) onChannels(ctx context.Context, fn func(*channel) error) error {
	d.mu.Lock()
	channels := slices.Clone(d.channels)
	d.mu.Unlock()
	for _, k := range channels {
		err := thread.Do(ctx, k.t, func() error { return fn(k) })
		if err != nil && !errors.Is(err, thread.ErrExited) {
			return err
		}
	}
	return nil
}

func (k *channel) collect(reset StatsReset) (sum account) {
	sum.init()
	for _, c := range k.users {
		sum.add(&c.stats)
		c.stats.reset(reset)
	}
	return sum
}
