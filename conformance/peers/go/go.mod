module tenfold/peers

go 1.21

require github.com/localtunnel/go-localtunnel v0.0.0-20170326223115-8a804488f275
