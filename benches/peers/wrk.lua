-- One constant request, as oha sends it.
wrk.method = "PATCH"
wrk.path = "/api/customer/set_customer_details"
wrk.body = os.getenv("PEERS_BODY")
wrk.headers["Content-Type"] = "application/x-www-form-urlencoded"
wrk.headers["api-username"] = "bench"
wrk.headers["api-key"] = "bench"
