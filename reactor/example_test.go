// SPDX-License-Identifier: BSD-3-Clause

package reactor_test

import (
	"context"
	"fmt"

	"github.com/gospdk/gospdk/reactor"
	"github.com/gospdk/gospdk/thread"
)

func Example() {
	ctx := context.Background()
	set, err := reactor.Start(reactor.Config{}) // one reactor, on the first CPU
	if err != nil {
		fmt.Println(err)
		return
	}
	t, err := set.NewThread(ctx, "worker", reactor.Mask{})
	if err != nil {
		fmt.Println(err)
		return
	}
	err = thread.Do(ctx, t, func() error {
		fmt.Println("on thread", t.Name())
		return nil
	})
	fmt.Println(err, set.Stop(ctx))
	// Output:
	// on thread worker
	// <nil> <nil>
}
