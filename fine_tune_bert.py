"""Fine-tune on corrections: python fine_tune_bert.py --use-feedback --min-samples 50 --epochs 3 (requirements 4.3)."""

from bugflow.cli.fine_tune import main

if __name__ == "__main__":
    main()
