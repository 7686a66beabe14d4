"""What is kept between runs: the ledger and saved plans. Written whole or not at all."""
